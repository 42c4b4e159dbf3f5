"""A sweep as a job of SLURM."""

"""A sweep as a RayJob of Kubernetes."""

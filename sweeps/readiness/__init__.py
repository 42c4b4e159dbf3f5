"""Whether a Ray is fit for this sweep: programs, scans, the place of the runs, room."""

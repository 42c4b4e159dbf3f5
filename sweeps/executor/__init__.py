"""Ray's side of a sweep: a trial on a worker, and Ray Tune as the thing that starts and stops workers."""

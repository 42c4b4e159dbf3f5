"""Time to quality: real trainings on generated scans, and the searches that choose among them."""

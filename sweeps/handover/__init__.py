"""From a sweep to a model that others use, and from scans to segmentations."""

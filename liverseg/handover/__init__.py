"""A trained network handed over: as a folder that others can use, and used on a scan."""

"""Sweeps as jobs of a Ray cluster: the edge to Ray's Jobs interface."""

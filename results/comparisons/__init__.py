"""Sweeps side by side: only where they were tested on the same patients."""

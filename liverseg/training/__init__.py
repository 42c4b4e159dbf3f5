"""Training one network: reproducible from its seed, resumable after every batch."""

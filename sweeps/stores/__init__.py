"""Sweeps whose truth lies in a store: what carries their files there and back."""

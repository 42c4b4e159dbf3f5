"""Sweeps kept in a store: `s3://`, `gs://` or `file://` instead of a folder that every process shares.

The truth is in the store. Each process works on a mirror, an ordinary folder, which `mirror` and `segments` keep like it.
"""

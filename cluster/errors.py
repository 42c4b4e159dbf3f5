"""What `cluster` raises on purpose: one root, one message that says what, got, allowed and the next step."""

from __future__ import annotations


class ClusterError(Exception):
    """Ray could not be started or reached, or has not the resources that were asked for."""

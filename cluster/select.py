"""One way to a Ray, whichever kind it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from cluster.attached import attached_ray
from cluster.config import AttachedConfig, Config
from cluster.local import local_ray


def connect(config: Config, *, environment: dict[str, str] | None = None) -> AbstractContextManager[dict[str, Any]]:
    """Be connected to a Ray within the block; yields Ray's `cluster_resources()`.

    Args:
        config: start one on this machine, or join one.
        environment: variables that every worker gets.

    Raises:
        ClusterError: it cannot be started or joined.
    """
    if isinstance(config, AttachedConfig):
        return attached_ray(config, environment=environment)
    return local_ray(config, environment=environment)

"""A Ray cluster that runs already: join it as a driver, and leave it running.

The driver must run on one of the cluster's machines (a job, the batch script of SLURM and a RayJob all do).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cluster.auth import Door, check_key, door_of_head, refuse_open_door, token_environment
from cluster.config import AttachedConfig
from cluster.errors import ClusterError
from cluster.local import _reread_environment

AUTO = "auto"


@contextmanager
def attached_ray(config: AttachedConfig, *, environment: dict[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Join a cluster, and leave it on leaving; its machines go on without us.

    Args:
        config: which.
        environment: variables that every worker gets.

    Yields:
        Ray's `cluster_resources()`.

    Raises:
        ClusterError: this process is connected already, nobody answers, no token or a wrong one, no token asked for, or
            this machine is no part of the cluster.
    """
    import ray

    if ray.is_initialized():
        raise ClusterError("this process is already connected to a Ray; leave it first")
    address = head_address(config.address)
    door = door_of_head(address)
    refuse_open_door(door, address, insecure=config.insecure)
    if door is Door.LOCKED:
        check_key(address, os.environ)
    before = dict(os.environ)
    os.environ.update(token_environment(os.environ) if door is Door.LOCKED else {"RAY_AUTH_MODE": "disabled"})
    os.environ["RAY_DEDUP_LOGS"] = "0"
    try:
        yield _join(address, environment or {})
    finally:
        ray.shutdown()
        os.environ.clear()
        os.environ.update(before)


def head_address(wanted: str | None) -> str:
    """`host:port` of the head: as given, from RAY_ADDRESS, or of the Ray on this machine.

    Raises:
        ClusterError: there is no Ray on this machine, or several, or the address is Ray Client's.
    """
    address = wanted or os.environ.get("RAY_ADDRESS") or AUTO
    if "://" in address:
        raise ClusterError(
            f"{address!r} is no address of a head; allowed: host:port; from outside the cluster send the sweep there with: "
            "liversweep cluster submit"
        )
    if address != AUTO:
        return address
    from ray._private.services import find_gcs_addresses

    found = sorted(find_gcs_addresses())  # type: ignore[no-untyped-call]
    if len(found) != 1:
        raise ClusterError(
            f"there {'is no Ray' if not found else 'are several Rays'} on this machine; got {', '.join(found) or 'none'}; "
            "name one with --address HOST:PORT"
        )
    return str(found[0])


def _join(address: str, environment: dict[str, str]) -> dict[str, Any]:
    import ray

    _reread_environment()
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": environment} if environment else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
        )
        resources: dict[str, Any] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    except Exception as error:  # Ray raises bare ones too
        raise ClusterError(_refusal(address, error)) from error
    return resources


def _refusal(address: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    if "node_ip_address" in text or "raylet" in text.lower():
        return (
            f"{address}: this machine is no part of the cluster; run the command on one of its machines, or send it there "
            f"with: liversweep cluster submit; Ray said: {text[:300]}"
        )
    return f"{address}: Ray could not be joined: {text[:500]}"

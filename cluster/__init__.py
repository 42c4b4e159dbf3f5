"""Where Ray runs. Knows nothing of scans, networks, results or sweeps."""

from cluster.config import LocalConfig, Slots
from cluster.errors import ClusterError

__all__ = ["ClusterError", "LocalConfig", "Slots"]

"""Compiled networks of trainings that are over, kept for the next training of the same graph in this process.

Building, tracing and compiling a network takes seconds, which is most of a short training; giving its variables new values
takes a fraction of one. A network that is taken is reset first, so that whoever takes it gets what `compile_network` would
have made, bit for bit, and need not know which of the two it is.
"""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict

from liverseg.config import TrainConfig
from liverseg.training.graph import Graph, graph_of
from liverseg.training.network import CompiledNetwork, compile_network

GRAPH_BYTES = 40 * 2**20
"""Memory of the traced graphs of one network besides its variables; 15 to 60 MB were measured for the five networks."""
BUDGET_BYTES = 1 << 30


class CompiledNetworks:
    """Networks that nobody trains at the moment, at most one a graph; the one unused for longest goes first.

    Attributes:
        budget_bytes: memory that they may hold together; 0 keeps none.
    """

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self.budget_bytes = budget_bytes
        self._kept: OrderedDict[Graph, CompiledNetwork] = OrderedDict()
        # The thread that watches a training's memory may ask for all of it back at any moment.
        self._lock = threading.Lock()

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """What is kept, the one used last at the end."""
        with self._lock:
            return tuple(self._kept)

    @property
    def kept_bytes(self) -> int:
        """Memory that is held, about."""
        with self._lock:
            return sum(_bytes(network) for network in self._kept.values())

    def take(self, config: TrainConfig, class_weights: tuple[float, ...] | None = None) -> CompiledNetwork:
        """The network of a training at its beginning: one that was kept, reset, or a new one.

        Raises:
            ConfigError, MemoryExceeded: see `compile_network`.
        """
        with self._lock:
            kept = self._kept.pop(graph_of(config), None)
        if kept is None or not kept.can_begin(config, class_weights):
            return compile_network(config, class_weights)
        kept.begin(config, class_weights)
        return kept

    def give_back(self, config: TrainConfig, network: CompiledNetwork) -> None:
        """Keep the network of a training that is over, as far as the budget goes; nobody else may use it any more."""
        with self._lock:
            self._kept[graph_of(config)] = network
        self._shrink(self.budget_bytes)

    def drop(self) -> bool:
        """Let go of everything that is kept; whether there was anything."""
        return self._shrink(0)

    def _shrink(self, budget_bytes: int) -> bool:
        gone = []
        with self._lock:
            held = sum(_bytes(network) for network in self._kept.values())
            while self._kept and held > budget_bytes:
                _, network = self._kept.popitem(last=False)
                held -= _bytes(network)
                gone.append(network)
        found = bool(gone)
        if found:
            gone.clear()
            del network
            # A model refers to itself in many ways, so that only the collector can free it.
            gc.collect()
        return found


def _bytes(network: CompiledNetwork) -> int:
    return network.variable_bytes + GRAPH_BYTES


NETWORKS = CompiledNetworks()
"""Those of this process. Nothing is kept that was not given back with `TrainingRun.release`."""

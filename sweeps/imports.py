"""Importing large libraries in less time: TensorFlow takes three CPU-seconds, of which a third is not its own.

Two fifths of that third is matplotlib, which Keras imports where it finds it, for functions that nobody calls in a worker. The
rest is Python's garbage collector: an import makes a million objects that stay, and the collector goes through all of
them again and again in search of some that do not.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_imports(*without: str) -> Iterator[None]:
    """A block in which libraries are imported, without the collector, and as if some others were not installed.

    Afterwards what was imported is out of the collector's sight, and what was hidden can be imported as ever.

    Args:
        without: names of packages that the imported ones can do without; one that is loaded already is not hidden.
    """
    hidden = [name for name in without if name not in sys.modules]
    collected = gc.isenabled()
    gc.disable()
    # None in this place is Python's own way to say that there is no such module.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        gc.freeze()
        if collected:
            gc.enable()

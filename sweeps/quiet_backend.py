"""Loading the compute backend in a process whose stderr a person reads."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def load_backend(environment: Mapping[str, str]) -> None:
    """Import Keras and its backend without what TensorFlow tells of itself, which no setting of its own keeps quiet.

    Args:
        environment: variables to set before, where this process has no others.

    Raises:
        ImportError: as the import does; what was told until then is on stderr.
    """
    for name, value in environment.items():
        os.environ.setdefault(name, value)
    if "keras" in sys.modules:
        return
    with _held_back():
        import keras

        keras.backend.backend()


@contextmanager
def _held_back() -> Iterator[None]:
    """A block whose stderr, also that of libraries in C++, is shown only if the block fails."""
    try:
        descriptor = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(descriptor)
    with tempfile.TemporaryFile() as told:
        os.dup2(told.fileno(), descriptor)
        try:
            yield
        except BaseException:
            _restore(kept, descriptor)
            told.seek(0)
            os.write(descriptor, told.read())
            raise
        _restore(kept, descriptor)


def _restore(kept: int, descriptor: int) -> None:
    sys.stderr.flush()
    os.dup2(kept, descriptor)
    os.close(kept)

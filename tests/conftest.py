"""For all tests: an example of Hypothesis may take as long as it likes, for a busy machine is no bug."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("liversweep", deadline=None)
settings.load_profile("liversweep")

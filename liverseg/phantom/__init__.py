"""Generated abdominal CT scans with liver and tumour masks: data that anybody may have, and that is not trivial."""

from __future__ import annotations

from liverseg.phantom.case import PhantomCase, PhantomFacts, make_case
from liverseg.phantom.cohort import write_cohort
from liverseg.phantom.config import PhantomConfig
from liverseg.phantom.tumours import Lesion

__all__ = ["Lesion", "PhantomCase", "PhantomConfig", "PhantomFacts", "make_case", "write_cohort"]

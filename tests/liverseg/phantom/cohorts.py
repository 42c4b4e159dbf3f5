"""A cohort small enough to be generated many times in a test."""

from __future__ import annotations

from functools import lru_cache

from liverseg.phantom.case import Anatomy, PhantomCase, make_case, paint_anatomy
from liverseg.phantom.config import PhantomConfig

TINY = PhantomConfig(matrix_px=(40, 64), slices=(12, 16), thickness_mm=(10.0, 8.0, 12.0))


@lru_cache(maxsize=64)
def tiny_case(index: int) -> PhantomCase:
    return make_case(TINY, index)


@lru_cache(maxsize=64)
def tiny_anatomy(index: int) -> Anatomy:
    return paint_anatomy(TINY, index)

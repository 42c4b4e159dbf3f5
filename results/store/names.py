"""Names of objects: which ones a store may hold for us, since each of them may become the path of a file."""

from __future__ import annotations

from results.errors import StoreError

_MOST_BYTES = 900
"""Of a key below its store; S3 and GCS allow 1024 together with what comes before."""

ALLOWED = "names joined by single slashes, without '.', '..', backslashes and control characters"


def problem_of(key: str) -> str:
    """Why `key` cannot name an object of ours; empty when it can. The empty key names nothing."""
    if not key:
        return "an empty name"
    if len(key.encode("utf-8", "surrogatepass")) > _MOST_BYTES:
        return f"a name of more than {_MOST_BYTES} bytes"
    if "\\" in key or not key.isprintable():
        return repr(key)
    if any(part in ("", ".", "..") for part in key.split("/")):
        return repr(key)
    return ""


def checked(key: str, where: str) -> str:
    """`key`, made sure to stay below its store, whatever becomes of it: an object's key or a file's path.

    Raises:
        StoreError: it is absolute, climbs with `..`, or is no plain name.
    """
    problem = problem_of(key)
    if problem:
        what = "this cannot be the name of a file of a sweep"
        raise StoreError(what, where=where, got=problem, allowed=ALLOWED, next_step="remove or rename the object")
    return key

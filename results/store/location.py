"""From a URI to a store.

    s3://bucket/prefix    Amazon S3, or what AWS_ENDPOINT_URL names; credentials and region as AWS programs find them
    gs://bucket/prefix    Google Cloud Storage; credentials as Google programs find them
    file:///folder        a folder, written as whole objects; special characters quoted, as browsers do

Credentials never stand in a URI: it is shown, recorded and sent to workers.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from results.errors import StoreError
from results.store.backend import Backend
from results.store.bucket import BucketBackend, gcs_filesystem, harmless, s3_filesystem
from results.store.folder import FolderBackend
from results.store.names import ALLOWED, problem_of
from results.store.objects import Store

SCHEMES = "s3://bucket/prefix, gs://bucket/prefix or file:///folder"
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ALMOST = re.compile(r"(s3|gs|file):", re.IGNORECASE)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def is_uri(text: str) -> bool:
    """Whether `text` names a store rather than a path: it begins with a scheme and `://`.

    Also true of schemes that `open_store` does not know, and of slips such as `s3:/x`, so that `az://x` and `s3:/x` are refused
    there and never become folders.
    """
    return _URI.match(text) is not None or _ALMOST.match(text) is not None


def open_store(uri: str) -> Store:
    """The store at `uri`. Nothing is read or written yet, but S3 may be asked where the bucket lies.

    Raises:
        StoreError: not a URI of a store, or no client can be made for it.
    """
    match = _URI.match(uri)
    scheme = match.group(1).lower() if match else ""
    if scheme == "file":
        return _folder(uri)
    if scheme not in ("s3", "gs"):
        raise StoreError("this is not the URI of a store", got=repr(_shown(uri)), allowed=SCHEMES)
    bucket, prefix = _parts(uri)
    clean = f"{scheme}://{bucket}"
    backend = _bucket(scheme, bucket, _first_set(_ENDPOINTS), _first_set(_REGIONS))
    return Store(f"{clean}/{prefix}" if prefix else clean, prefix, backend, open_store)


def _folder(uri: str) -> Store:
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or not path.startswith("/"):
        raise StoreError("this is not the URI of a folder", got=repr(_shown(uri)), allowed="file:///absolute/folder")
    inner = path.strip("/")
    if inner and problem_of(inner):
        raise StoreError("this is not the URI of a folder", got=problem_of(inner), allowed=ALLOWED)
    root = Path("/", inner)
    return Store(root.as_uri(), "", FolderBackend(root), open_store)


def _parts(uri: str) -> tuple[str, str]:
    """Bucket and prefix. Both are taken as they stand: in the URI of an object nothing is quoted."""
    rest = uri[uri.index("://") + 3 :]
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    if "@" in bucket:
        step = "take the credentials out; they come from the environment, a profile or the machine's role"
        raise StoreError("a URI must not hold credentials", got=repr(_shown(uri)), allowed=SCHEMES, next_step=step)
    if not _BUCKET.fullmatch(bucket):
        allowed = "3 to 63 lower-case letters, digits, '.', '_' and '-'"
        raise StoreError("this cannot be the name of a bucket", got=repr(bucket), allowed=allowed)
    if "?" in prefix or "#" in prefix:
        step = "set the region and the endpoint by AWS_REGION and AWS_ENDPOINT_URL"
        raise StoreError("a URI of a store has no options", got=repr(_shown(uri)), allowed=SCHEMES, next_step=step)
    if prefix and problem_of(prefix):
        raise StoreError("this cannot be the prefix of a store", got=problem_of(prefix), allowed=ALLOWED)
    return bucket, prefix


@lru_cache(maxsize=32)
def _bucket(scheme: str, bucket: str, endpoint: str, region: str) -> Backend:
    """One client for all stores in a bucket; a changed endpoint or region is another client."""
    uri = f"{scheme}://{bucket}"
    try:
        if scheme == "gs":
            return BucketBackend(gcs_filesystem(), bucket, uri)
        protocol, host = _endpoint(endpoint)
        found = region or ("us-east-1" if host else _region_of(bucket))
        return BucketBackend(s3_filesystem(found, host, protocol), bucket, uri)
    except StoreError:
        raise
    except Exception as error:
        step = "set AWS_REGION and credentials" if scheme == "s3" else "set GOOGLE_APPLICATION_CREDENTIALS"
        raise StoreError("no client can be made", where=uri, got=harmless(str(error)), next_step=step) from None


def _endpoint(url: str) -> tuple[str, str]:
    """Protocol, and host with port; the host is empty for Amazon's own."""
    if not url:
        return "https", ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.path.strip("/"):
        allowed = "http://host:port or https://host:port"
        raise StoreError("AWS_ENDPOINT_URL is no endpoint", got=repr(_shown(url)), allowed=allowed)
    return parts.scheme, parts.netloc


def _region_of(bucket: str) -> str:
    from pyarrow import fs

    region: str = fs.resolve_s3_region(bucket)
    return region


def _first_set(names: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _shown(uri: str) -> str:
    """`uri` fit to be shown: without anything that may be a credential."""
    return re.sub(r"//[^/@]*@", "//***@", uri.split("?", 1)[0])

"""Objects in a bucket of S3 or GCS, through pyarrow. Bounded in time: whatever happens, there is an answer or an error."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from results.errors import StoreError
from results.store.backend import Names, ObjectInfo

CONNECT_TIMEOUT_S = 5.0
REQUEST_TIMEOUT_S = 8.0
"""Without one byte moving. A long upload takes as long as it takes."""
ATTEMPTS = 3
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
_MOST_CHARACTERS = 300
_READS = 6
_CODE = re.compile(r"AWS Error ([A-Z_]+)")
_CREDENTIALS = "check the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the machine's role)"
_RIGHTS = "ask for the rights to list, get, put and delete objects below this prefix"
_NEXT_STEPS = {
    "NO_SUCH_BUCKET": ("the bucket does not exist", "check its name, or make it"),
    "ACCESS_DENIED": ("the store refuses", f"{_CREDENTIALS}, or {_RIGHTS}"),
    "INVALID_ACCESS_KEY_ID": ("the store does not know the credentials", _CREDENTIALS),
    "INVALID_CLIENT_TOKEN_ID": ("the store does not know the credentials", _CREDENTIALS),
    "SIGNATURE_DOES_NOT_MATCH": ("the store does not accept the credentials", _CREDENTIALS),
    "REQUEST_TIME_TOO_SKEWED": ("the store finds this machine's clock wrong", "set the clock"),
    "NETWORK_CONNECTION": ("the store cannot be reached", "check the network and AWS_ENDPOINT_URL, then resume"),
}


def s3_filesystem(region: str, endpoint: str, scheme: str) -> Any:
    """The S3 file system of pyarrow with bounded attempts. An object of some MB is sent in one request.

    Args:
        region: such as `eu-central-1`.
        endpoint: host and port; empty for Amazon's own.
        scheme: `http` or `https`.
    """
    from pyarrow import fs

    return fs.S3FileSystem(
        region=region,
        endpoint_override=endpoint or None,
        scheme=scheme,
        connect_timeout=CONNECT_TIMEOUT_S,
        request_timeout=REQUEST_TIMEOUT_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        allow_delayed_open=True,
    )


def gcs_filesystem() -> Any:
    """The GCS file system of pyarrow, which gives up after as long as the S3 one."""
    from pyarrow import fs

    return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=REQUEST_TIMEOUT_S * ATTEMPTS))


class BucketBackend:
    """The objects of one bucket.

    Args:
        filesystem: of pyarrow.
        bucket: its name.
        uri: of the bucket, for messages.
    """

    def __init__(self, filesystem: Any, bucket: str, uri: str) -> None:
        self._filesystem = filesystem
        self._bucket = bucket
        self._uri = uri
        self._exists = False

    def put(self, path: str, data: bytes) -> None:
        """As `Backend.put`. One `write`: the stream never holds a part of the data that it could take for the whole."""
        try:
            stream = self._filesystem.open_output_stream(self._full(path))
            try:
                stream.write(data)
                stream.close()
            finally:
                del stream  # an unclosed one tries again as it goes: that must not happen after we returned
        except Exception as error:
            raise self._error(path, error) from None

    def get(self, path: str) -> bytes:
        """As `Backend.get`.

        pyarrow asks for the size first and for so many bytes second. Of an object that is replaced in between by one of another
        size it would return a part, or more than there is. So the object must be the same before and after.
        """
        for attempt in range(1, _READS + 1):
            try:
                mark, data = self._read(path)
                if self._mark(path) == mark:
                    return data
            except FileNotFoundError:
                raise FileNotFoundError(f"{self._uri}/{path}") from None
            except Exception as error:
                if attempt == _READS or _unreachable(error):
                    raise self._error(path, error) from None
        step = "try again; somebody keeps writing it"
        raise StoreError("the object changes all the time", where=f"{self._uri}/{path}", next_step=step)

    def _read(self, path: str) -> tuple[object, bytes]:
        """What the object was when it was opened, and as many bytes as it had then, by one request."""
        with self._filesystem.open_input_file(self._full(path)) as stream:
            size = stream.size()
            data: bytes = stream.read_at(size, 0)
            return (stream.metadata(), size, len(data)), data

    def _mark(self, path: str) -> object:
        with self._filesystem.open_input_file(self._full(path)) as stream:
            return stream.metadata(), stream.size(), stream.size()

    def info(self, path: str) -> ObjectInfo | None:
        """As `Backend.info`."""
        try:
            found = self._filesystem.get_file_info(self._full(path))
        except Exception as error:
            raise self._error(path, error) from None
        return _info(path, found)

    def list(self, path: str, recursive: bool) -> list[ObjectInfo]:
        """As `Backend.list`."""
        base = self._full(path).rstrip("/")
        infos = (_info(one.path.removeprefix(base).removeprefix("/"), one) for one in self._look(path, recursive))
        return [info for info in infos if info is not None]

    def folders(self, path: str) -> Names:
        """As `Backend.folders`."""
        from pyarrow import fs

        return [one.base_name for one in self._look(path, False) if one.type == fs.FileType.Directory]

    def delete(self, path: str) -> None:
        """As `Backend.delete`."""
        try:
            self._filesystem.delete_file(self._full(path))
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._error(path, error) from None

    def delete_tree(self, path: str) -> None:
        """As `Backend.delete_tree`."""
        try:
            self._filesystem.delete_dir(self._full(path))
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._error(path, error) from None

    def _look(self, path: str, recursive: bool) -> Any:
        from pyarrow import fs

        try:
            selector = fs.FileSelector(self._full(path).rstrip("/"), recursive=recursive, allow_not_found=True)
            found = self._filesystem.get_file_info(selector)
            self._exists = self._exists or bool(found) or bool(self._filesystem.get_file_info(self._bucket).type.value)
        except Exception as error:
            raise self._error(path, error) from None
        if not self._exists:  # which pyarrow takes for an empty one
            what, step = _NEXT_STEPS["NO_SUCH_BUCKET"]
            raise StoreError(what, where=self._uri, next_step=step)
        return found

    def _full(self, path: str) -> str:
        return f"{self._bucket}/{path}" if path else self._bucket

    def _error(self, path: str, error: Exception) -> StoreError:
        """What pyarrow found wrong, in our words. Its own are kept, without line ends and without any credential."""
        text = harmless(str(error))
        code = _CODE.search(text)
        fallback = ("the store cannot do this", "check the URI, the credentials and the network, then resume")
        what, step = _NEXT_STEPS.get(code.group(1) if code else "", fallback)
        return StoreError(what, where=f"{self._uri}/{path}".rstrip("/"), got=text, next_step=step)


def _unreachable(error: Exception) -> bool:
    """Whether asking again is of no use: pyarrow has tried a few times already."""
    code = _CODE.search(str(error))
    return code is not None and code.group(1) in _NEXT_STEPS


def harmless(text: str) -> str:
    """`text` on one line of bounded length, without the credentials of this process's environment."""
    for name in _SECRETS:
        secret = os.environ.get(name)
        if secret:
            text = text.replace(secret, "***")
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 1] + "…"


def _info(key: str, found: Any) -> ObjectInfo | None:
    from pyarrow import fs

    if found.type != fs.FileType.File:
        return None
    moment = found.mtime or datetime.fromtimestamp(0, UTC)
    return ObjectInfo(key, found.size, moment.astimezone(UTC))

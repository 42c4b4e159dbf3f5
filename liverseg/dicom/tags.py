"""Reading the few tags that make a scan of slices, and no others: names, numbers and days of patients stay unread.

pydicom is asked for the tags of `TAGS` alone and passes over the rest of each file.
"""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from liverseg.dicom.rules import broken
from liverseg.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

TAGS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "ImageType",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PlanarConfiguration",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "GantryDetectorTilt",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "PixelPaddingValue",
    "LossyImageCompression",
)
MOST_FILE_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of one file as text.

    Attributes:
        path: the file.
        texts: value of each tag that is there, several values joined by a backslash; no patient data but UIDs.
        syntax: UID of the transfer syntax: how the voxels are stored.
        media_class: UID of what the file says it is before its data set begins, empty where it does not say.
    """

    path: Path
    texts: Mapping[str, str] = field(repr=False)
    syntax: str
    media_class: str

    def text(self, name: str) -> str:
        """A tag as text, empty where it is missing or damaged."""
        return self.texts.get(name, "")

    def whole(self, name: str) -> int | None:
        """A tag as a whole number, None where it is missing or none."""
        try:
            return int(self.text(name))
        except ValueError:
            return None

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """A tag as `count` finite numbers.

        Raises:
            DataError: rule X6, it is missing or something else.
        """
        written = self.text(name)
        try:
            values = tuple(float(part) for part in written.split("\\"))
        except ValueError:
            values = ()
        if len(values) != count or not all(map(math.isfinite, values)):
            raise lacks(name, "cannot be understood" if written else "is missing", self.path, f"{count} number(s)")
        return values


@contextmanager
def quiet() -> Iterator[None]:
    """Without pydicom's warnings, shown or logged: they may hold values of tags."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def require_pydicom() -> None:
    """Refuse to go on without pydicom.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "reading DICOM needs pydicom, which is not installed",
            next_step="pip install 'liversweep[dicom]', or convert the series to NIfTI",
        ) from error


def read_tags(path: Path) -> Tags:
    """The tags of `TAGS` of one file; its voxels stay unread.

    Raises:
        DataError: rule X1, the file cannot be read or is damaged.
    """
    with quiet(), path_opened(path) as file:
        _refuse_deflated(path)
        dataset = _parse(path, file, TAGS, stop_before_pixels=True)
        texts = {name: _text(dataset, name) for name in TAGS}
        meta = dataset.file_meta
        return Tags(path, texts, str(meta.TransferSyntaxUID), _text(meta, "MediaStorageSOPClassUID"))


def decode(path: Path, content: bytes) -> npt.NDArray[Any]:
    """The stored numbers of a slice, `(rows, columns)`, from its file's whole content.

    Raises:
        DataError: rule X1, the file is damaged, or X5, its voxels cannot be decoded or are not all there.
    """
    with quiet():
        dataset = _parse(path, io.BytesIO(content), (*TAGS, "PixelData"), stop_before_pixels=False)
        try:
            return np.asarray(dataset.pixel_array)
        except Exception as error:  # As with tags: a decoder raises nearly anything for damage.
            got, next_step = (
                f"{type(error).__name__} while decoding",
                "copy or export the slice again, or decompress it",
            )
            raise broken("X5", "the voxels of a slice cannot be decoded", path, got=got, next_step=next_step) from error


@contextmanager
def path_opened(path: Path) -> Iterator[Any]:
    """The open file.

    Raises:
        DataError: rule X1, the system cannot open it, or it is too big for a slice.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size > MOST_FILE_BYTES:
                allowed = f"at most {MOST_FILE_BYTES:,} bytes"
                raise broken("X1", "the file is too big for one slice", path, got=f"{size:,} bytes", allowed=allowed)
            yield file
    except OSError as error:
        reason = error.strerror or type(error).__name__
        next_step = "check the path, links and permissions"
        raise broken("X1", "a slice cannot be read", path, got=reason, next_step=next_step) from error


def _refuse_deflated(path: Path) -> None:
    """Refuse a file that is compressed as a whole before anything expands it: nothing says how large it would be."""
    from pydicom.errors import InvalidDicomError
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    try:
        syntax = read_file_meta_info(path).get("TransferSyntaxUID")
    except InvalidDicomError:  # No preamble, and so no such group, and nothing that is deflated.
        return
    except Exception as error:
        raise _damaged(path, error) from error
    if syntax == DeflatedExplicitVRLittleEndian:
        next_step = "export the series without compression"
        raise broken("X5", "this compression cannot be decoded here", path, got="a deflated file", next_step=next_step)


def _parse(path: Path, file: Any, tags: tuple[str, ...], *, stop_before_pixels: bool) -> Dataset:
    """A dataset from an open file."""
    from pydicom import dcmread
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    try:
        dataset = dcmread(file, force=True, stop_before_pixels=stop_before_pixels, specific_tags=list(tags))
        if "TransferSyntaxUID" not in dataset.file_meta:  # Files without a preamble: how pydicom understood them.
            implicit = dataset.original_encoding[0]
            dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        return dataset
    except Exception as error:
        # Damage makes pydicom raise nearly anything, with values of tags in the text: only the kind is told.
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    got, next_step = f"{type(error).__name__} while reading it", "copy or export the slice again"
    return broken("X1", "a slice is damaged", path, got=got, next_step=next_step)


def _text(dataset: Dataset, name: str) -> str:
    try:
        value = dataset.get(name)
    except Exception:  # A damaged value counts as none.
        return ""
    if value is None:
        return ""
    parts = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    return "\\".join(str(part).strip() for part in parts)


def lacks(name: str, how: str, path: Path, allowed: str) -> DataError:
    """The error for a tag that is missing or makes no sense."""
    next_step = "export the series again from the archive, without a tool that strips tags"
    return broken("X6", f"the tag {name} {how}", path, allowed=allowed, next_step=next_step)

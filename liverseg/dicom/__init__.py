"""Reading a CT series of DICOM slices as one scan, and finding the scans that a user names.

scan = series_as_nifti(folder, scratch)
header = read_header(scan.path_nifti)

Needs pydicom (`pip install 'liversweep[dicom]'`), which is imported only when a series is read.
"""

from __future__ import annotations

from liverseg.dicom.convert import DicomScan, series_as_nifti, series_sha256
from liverseg.dicom.files import is_dicom_folder
from liverseg.dicom.inputs import ScanInput, find_scans
from liverseg.dicom.passed_over import passed_over
from liverseg.dicom.rules import SERIES_RULES
from liverseg.dicom.series import Series, read_series

__all__ = [
    "SERIES_RULES",
    "DicomScan",
    "ScanInput",
    "Series",
    "find_scans",
    "is_dicom_folder",
    "passed_over",
    "read_series",
    "series_as_nifti",
    "series_sha256",
]

"""What `predict` is asked to do with one scan, and where its files go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MASK_END = "_seg.nii.gz"
READING, SEGMENTING = "reading", "segmenting"
"""What is done with the slices of a scan: a DICOM series is read first, a NIfTI file while it is segmented."""
RECORD_END, PAGE_END, PICTURE_END = "_seg.json", "_seg.html", "_seg.png"


@dataclass(frozen=True, slots=True)
class ScanJob:
    """One scan. Travels to the workers.

    Attributes:
        name: of the scan; its files in the folder of results begin with it.
        path: a NIfTI file, or the folder of a DICOM series.
        kind: `nifti` or `dicom`.
        out: folder of the results.
    """

    name: str
    path: Path
    kind: str
    out: Path

    def file(self, end: str) -> Path:
        """One of its files."""
        return self.out / f"{self.name}{end}"


@dataclass(frozen=True, slots=True)
class PredictSettings:
    """How scans are segmented. Travels to the workers.

    Attributes:
        model: the model's folder.
        flips: predict mirrored slices too; None as the model says.
        raw: leave the model's post-processing out.
        page: write the page and the picture to look at.
        threads: of the compute backend in each worker.
        gpus: of each worker.
    """

    model: Path
    flips: bool | None = None
    raw: bool = False
    page: bool = True
    threads: int = 1
    gpus: float = 0.0

"""Words that must not turn up, where to hide them, and a search that finds them in whatever wrapping."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pyarrow.parquet

from liverseg.phantom import PhantomConfig, write_cohort

FILE, FOLDER, BAD_FILE, GZIP_NAME = "MEIER_ANNA_1961", "WARD7_OKAFOR", "DUPONT_LUC_1948", "ROSSI_PIA_1975"
# The text fields of a NIfTI header with the bytes they have room for.
FIELDS = {"descrip": 80, "db_name": 18, "aux_file": 24, "intent_name": 16}
IN_FIELDS = {name: f"CANARY-{name}"[:room].upper() for name, room in FIELDS.items()}
EXTENSION = "CANARY-EXTENSION"
HEADER_CANARIES = (*IN_FIELDS.values(), EXTENSION, GZIP_NAME)
NAME_CANARIES = (FILE, FOLDER, BAD_FILE)

# Names of variables in which secrets are found, some of them of the programs that a sweep is made of.
SECRET = "hunter2-CANARY-of-the-environment"
SECRET_NAME = "CANARY_VARIABLE_NAME"
SECRET_VARIABLES = [
    "AWS_SECRET_ACCESS_KEY",
    "AZURE_CLIENT_SECRET",
    "DATABASE_URL",
    "GITHUB_TOKEN",
    "GOOGLE_API_KEY",
    "HF_TOKEN",
    "KERAS_SECRET",
    "KUBECONFIG",
    "LIVERSWEEP_SECRET",
    "MLFLOW_TRACKING_PASSWORD",
    "OPTUNA_STORAGE",
    "PASSWORD",
    "PGPASSWORD",
    "RAY_SECRET_OF_USER",
    "SLURM_JWT",
    "SSH_AUTH_SOCK",
    "TF_SECRET",
    "TUNE_SECRET",
    "VAULT_TOKEN",
    "WANDB_API_KEY",
]


def secret_environment() -> dict[str, str]:
    """Variables with a secret as their value, and one whose very name is one."""
    return dict.fromkeys((*SECRET_VARIABLES, SECRET_NAME), SECRET)


def write_scans(root: Path, cases: int = 4) -> None:
    """Phantom scans named after patients, whose headers hold patients' words; one more is damaged, one has no mask."""
    made = root.parent / "made"
    write_cohort(made, PhantomConfig(cases=cases + 1, seed=3, matrix_px=(64, 72), slices=(10, 14), thickness_mm=(5.0,)))
    for index in range(cases + 1):
        folder = root / f"{FOLDER}_{index}"
        folder.mkdir(parents=True)
        name = FILE if index < cases else BAD_FILE
        for source, part in ((f"volume-{index}", "ct"), (f"segmentation-{index}", "labels")):
            path = made / f"{source}.nii.gz"
            (folder / f"{name}_{index}-{part}.nii.gz").write_bytes(_with_canaries(path))
            path.unlink()
    damaged = root / f"{FOLDER}_{cases}" / f"{BAD_FILE}_{cases}-ct.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    (root / f"{FOLDER}_0" / f"{BAD_FILE}_alone-ct.nii.gz").write_bytes(damaged.read_bytes())


def _with_canaries(path: Path) -> bytes:
    """The same volume with a word in every text field of its header, an extension, and a name in the gzip header."""
    image = nibabel.load(path)
    again = nibabel.Nifti1Image(np.asanyarray(image.dataobj), image.affine, image.header)
    for name, word in IN_FIELDS.items():
        again.header[name] = word.encode()
    again.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", EXTENSION.encode()))
    file = io.BytesIO()
    with gzip.GzipFile(filename=f"{GZIP_NAME}.nii", mode="wb", fileobj=file, mtime=0) as stream:
        stream.write(again.to_bytes())
    return file.getvalue()


def files_with(folder: Path, word: str) -> list[str]:
    """Files and folders below `folder` in whose path or content, also packed content, the word is; sorted."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        texts = _contents(path) if path.is_file() and not path.is_symlink() else ()
        if word in name or any(is_in(word, text) for text in texts):
            found.append(name)
    return found


def is_in(word: str, data: bytes) -> bool:
    """Whether the word is there in one of the encodings that text has on disk (NumPy keeps it as UTF-32)."""
    codes = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
    forms = (word, word.lower())
    return any(form.encode(code) in data for form in forms for code in codes) or word.encode().hex().encode() in data


def _contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and those that are packed in it."""
    data = path.read_bytes()
    yield data
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(member) for member in archive.infolist())
    elif data[:4] == b"PAR1":
        table = pyarrow.parquet.read_table(path)
        yield repr((table.schema, table.schema.metadata, table.to_pydict())).encode()
    elif data[:2] == b"\x1f\x8b":
        yield zlib.decompressobj(wbits=31).decompress(data)  # to its end, or as far as it goes

"""The README's hand-over: every command that a person types there is typed here, one after the other, on one set of scans.

Once on phantoms alone; once with the two real scans, where they are: one is segmented, corrected and trained on, the other
decides between the two models.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK

from liverseg.phantom import PhantomConfig, write_cohort
from results.fold import fold
from results.ledger import read_events
from results.records import Sweep
from results.sweep_folder import SweepFolder
from tests.liverseg.dicom.series import write_series
from tests.sweeps.cli_runs import Result, liversweep, ray_processes_of
from tests.sweeps.test_real_scans import SCANS

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
HEADING = "## Hand-over: from the best trial to a segmented scan, and back"
NOTICE = "Research software, not for clinical use."
SPEC = """\
name: liver
data: {root: scans, labels: LABELS, split: {test: 0, validation: 0.3, seed: 1}}
search:
  trials: 2
  sampler: random
  space: {learning_rate: {log: [3.0e-3, 1.0e-2]}}
  architectures: {encoder_decoder: {base_filters: 8}}
train: {epochs: 6, size: 64, batch_size: 8, loss: dice_ce, window: liver}
"""


def commands() -> list[list[str]]:
    """The words of each command of the section, in order."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text[text.index(HEADING) : text.index("\n## ", text.index(HEADING) + 1)]
    (block,) = re.findall(r"```console\n(.*?)```", section, flags=re.DOTALL)
    found = [shlex.split(line.removeprefix("$ "), comments=True) for line in block.splitlines()]
    assert all(words[0] == "liversweep" for words in found)
    return [words[1:] for words in found]


@dataclass(frozen=True)
class Stage:
    """Folders that the README's commands name: scans, new, dicom, corrected, held-out."""

    folder: Path
    labels: tuple[str, ...]

    def json(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / name).read_text())
        return document

    def sweep(self, name: str) -> Sweep:
        return fold(read_events(SweepFolder(self.folder / "runs" / name).ledger))


def phantoms(folder: Path, cases: int, seed: int) -> Path:
    write_cohort(
        folder, PhantomConfig(cases=cases, seed=seed, matrix_px=(56, 64), slices=(14, 18), thickness_mm=(5.0,))
    )
    return folder


def set_up(folder: Path, labels: tuple[str, ...]) -> Stage:
    phantoms(folder / "scans", 7, 3)
    phantoms(folder / "held-out", 6, 21)
    later = phantoms(folder / "later", 3, 11)
    for name in ("new", "corrected", "dicom"):
        (folder / name).mkdir()
    for index, name in enumerate(("ct-7", "ct-8")):
        shutil.copy(later / f"volume-{index}.nii.gz", folder / "new" / f"{name}.nii.gz")
    shutil.copy(later / "segmentation-1.nii.gz", folder / "corrected" / "ct-8.nii.gz")
    scan = nibabel.load(later / "volume-2.nii.gz")
    upright = nibabel.as_closest_canonical(scan)
    write_series(folder / "dicom" / "ct-9", np.asarray(upright.dataobj).astype(np.int16), upright.affine)
    (folder / "sweep.yaml").write_text(SPEC.replace("LABELS", f"[{', '.join(labels)}]"))
    return Stage(folder, labels)


def typed(stage: Stage) -> dict[str, list[Result]]:
    """Type every command; what each said, by its name."""
    found: dict[str, list[Result]] = {}
    for words in commands():
        result = liversweep(*words, cwd=stage.folder, timeout_s=400)
        assert result.code == 0, f"{shlex.join(words)}\n{result.out}\n{result.err}"
        assert NOTICE in result.out, f"{shlex.join(words)} does not say what it is not for"
        assert "Traceback" not in result.err
        found.setdefault(words[0], []).append(result)
    return found


def check(stage: Stage, said: dict[str, list[Result]]) -> None:
    """What has to be there after the last command, whatever the scans."""
    check_model(stage)
    for name in ("ct-7", "ct-8", "ct-9"):
        check_prediction(stage, name)
    check_reviews(stage)
    check_decision(stage, said)
    assert ray_processes_of(stage.folder) == []
    assert not [path for path in stage.folder.rglob(".*") if path.name.startswith((".liversweep-", ".liver-v"))]


def check_model(stage: Stage) -> None:
    model = stage.json("models/liver-v1/model.json")
    (member,) = model["members"]
    assert member["architecture"] == "encoder_decoder" and model["labels"] == list(stage.labels)
    folder = stage.folder / "models" / "liver-v1"
    assert (folder / "onnx" / f"{member['trial']}.onnx").is_file()
    assert (folder / "saved_model" / member["trial"] / "saved_model.pb").is_file()
    card = (folder / "card.md").read_text("utf-8")
    assert NOTICE in card and model["origin"]["split"] in card
    assert not list(folder.rglob("*.pkl")) and model["notice"] == NOTICE


def check_prediction(stage: Stage, name: str) -> None:
    record = stage.json(f"predictions/{name}_seg.json")
    assert record["notice"] == NOTICE and record["volumes_ml"]["liver"] > 50
    path = stage.folder / "predictions" / f"{name}_seg.nii.gz"
    ours, itk = nibabel.load(path), SimpleITK.ReadImage(str(path))
    labels = np.asarray(ours.dataobj)
    assert labels.dtype == np.uint8 and set(np.unique(labels)) <= {0, 1, 2}
    assert (labels == SimpleITK.GetArrayFromImage(itk).T).all()
    voxel_ml = abs(np.linalg.det(ours.affine[:3, :3])) / 1000
    assert np.count_nonzero(labels) * voxel_ml == pytest.approx(record["volumes_ml"]["liver"], abs=0.01)
    if record["scan"]["kind"] == "nifti":
        scan = nibabel.load(stage.folder / "new" / f"{name}.nii.gz")
        assert labels.shape == scan.shape and np.allclose(ours.affine, scan.affine, atol=1e-5)
    page = (stage.folder / "predictions" / f"{name}_seg.html").read_text("utf-8")
    assert NOTICE in page and "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    assert (stage.folder / "predictions" / f"{name}_seg.png").read_bytes()[:4] == b"\x89PNG"


def check_reviews(stage: Stage) -> None:
    lines = [json.loads(line) for line in (stage.folder / "reviews" / "reviews.jsonl").read_text().splitlines()]
    assert [line["verdict"] for line in lines] == ["accept", "corrected"]
    uid = stage.json("predictions/ct-8_seg.json")["scan"]["uid"]
    assert {path.name for path in (stage.folder / "reviews" / "cases").iterdir()} == {uid}
    before, after = stage.sweep("liver-1").sweep, stage.sweep("liver-2").sweep
    assert set(after.split.train) - set(before.split.train) == {uid}
    assert (after.split.validation, after.split.test) == (before.split.validation, before.split.test)
    for name in ("data", "split"):
        assert before.hashes[name] != after.hashes[name]


def check_decision(stage: Stage, said: dict[str, list[Result]]) -> None:
    (validated,) = said["validate"]
    verdict = re.findall(r"^(promote|keep|underpowered): ", validated.out, flags=re.MULTILINE)
    assert len(verdict) == 1
    entries = [json.loads(line) for line in (stage.folder / "models" / "record.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in entries] == ["exported", "exported", "validated"]
    assert entries[2]["outcome"] == verdict[0] and entries[2]["left_out"] == 0
    assert entries[2]["model"] == entries[1]["model"] and entries[2]["against"]["model"] == entries[0]["model"]
    (listed,) = said["models"]
    assert entries[0]["model"] in listed.out and verdict[0] in listed.out
    gain = stage.json("models/liver-v2/model.json")["choice"]["ensemble"]
    assert gain["verdict"] in ("ensemble", "single") and "mean Dice of the ensemble" in gain["sentence"]


def test_every_command_of_the_hand_over_on_phantoms(tmp_path: Path) -> None:
    stage = set_up(tmp_path, ("liver", "tumour"))
    check(stage, typed(stage))
    record = tmp_path / "models" / "record.jsonl"
    record.write_text(record.read_text().replace("underpowered", "promote").replace('"keep"', '"promote"'))
    damaged = liversweep("models", cwd=tmp_path)
    assert damaged.code == 1 and "line 3" in damaged.err and "Traceback" not in damaged.err


@pytest.mark.real
@pytest.mark.skipif(not SCANS.is_dir(), reason="the real scans are not here; name their folder in LIVERSWEEP_REAL_CT")
def test_every_command_of_the_hand_over_with_real_scans(tmp_path: Path) -> None:
    """Trained on phantoms, a model meets a real scan; corrected, it trains the next; the other real scan helps to decide."""
    stage = set_up(tmp_path, ("liver",))
    for name, source in (("new/ct-8", "volume-0"), ("corrected/ct-8", "segmentation-0")):
        (tmp_path / f"{name}.nii.gz").unlink()
        shutil.copy(SCANS / f"{source}.nii.gz", tmp_path / f"{name}.nii.gz")
    for part in ("volume", "segmentation"):
        shutil.copy(SCANS / f"{part}-1.nii.gz", tmp_path / "held-out" / f"{part}-6.nii.gz")
    said = typed(stage)
    check(stage, said)
    warned = stage.json("predictions/ct-8_seg.json")["warnings"]
    assert "voxel spacing in plane" in {item["feature"] for item in warned}
    assert stage.json("predictions/ct-7_seg.json")["warnings"] == []

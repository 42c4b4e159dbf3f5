"""S5: a sweep's name is one plain word, and nothing in a sweep's folder or ledger leads out of it, links included."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from results.errors import ResultsError
from results.ledger import Ledger
from results.lock import SweepLock
from results.sweep_folder import SweepFolder, list_sweeps
from sweeps.errors import UsageError
from sweeps.folder import SweepFolder as NamedFolder
from sweeps.folder import check_name, free_name
from tests.promises.commands import refusal, said
from tests.promises.ledgers import snapshot, tampered
from tests.results.ledger_factory import (
    FakeLedger,
    finished_payload,
    realistic,
    suggested_payload,
    sweep_payload,
    uid_of,
)
from tests.results.overlay_files import prediction_file, save, scan_file
from tests.sweeps.cli_runs import Result

SPEC = """\
name: {name}
data: {{root: scans}}
search: {{trials: 1, architectures: {{encoder_decoder: {{}}}}}}
"""
# A name, and whether a folder below `runs` could bear it.
NAMES = {
    "up": "../secret",
    "up and down": "../runs/good",
    "deep": "a/b",
    "hidden": ".hidden",
    "dots": "..",
    "dot": ".",
    "empty": "",
    "65 characters": "x" * 65,
    "full-width": "ｇood",
    "Cyrillic": "gооd",
    "newline": "good\n",
    "space": " good",
    "option": "--help=x",
    "tilde": "~root",
    "backslash": "..\\good",
}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Sweeps lie in `in/runs`, one under each name that a folder can have; `in/secret` and `out/sweep` are none of them."""
    ledger = realistic(4, cases=2, epochs=2)
    for name in ("out/sweep", "in/secret", "in/runs/good"):
        ledger.write(tmp_path / name)
    for name in NAMES.values():
        if ".." not in name.split("/") and name not in ("", "."):
            ledger.write(tmp_path / "in" / "runs" / name)
    return tmp_path


def run(world: Path, *words: str) -> Result:
    return said(*words, cwd=world / "in")


@pytest.mark.parametrize("name", [*NAMES.values(), "/tmp/absolute"], ids=[*NAMES, "absolute"])
def test_s05_no_sweep_is_made_under_such_a_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "spec.yaml").write_text(SPEC.format(name="good"))
    before = snapshot(tmp_path)
    result = run(tmp_path, "run", "spec.yaml", f"--name={name}")
    assert result.code == 2 and "name: a sweep's name becomes a folder" in refusal(result)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", ['"a\\0b"', '"good\\n"', '"../x"', '"ｇood"', '""'])
def test_s05_nor_is_one_by_the_spec(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "spec.yaml").write_text(SPEC.format(name=name))
    before = snapshot(tmp_path)
    result = run(tmp_path, "run", "spec.yaml")
    assert result.code == 2 and "spec.yaml:1: name" in refusal(result)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", [name for name in NAMES.values() if name != "--help=x"])
def test_s05_no_sweep_is_found_under_such_a_name(world: Path, name: str) -> None:
    before = snapshot(world)
    for command in ("show", "report", "watch", "dashboard"):
        result = run(world, command, name)
        assert result.code == 2 and "no sweep" in refusal(result), command
    assert snapshot(world) == before


@pytest.mark.parametrize("name", [*NAMES.values(), "a\0b", "good\0", "/tmp/x"])
def test_s05_the_readers_of_names_agree(world: Path, name: str) -> None:
    for read in (check_name, lambda name: free_name(name, world), lambda name: NamedFolder.named(name, world)):
        with pytest.raises(UsageError, match="name"):
            read(name)
    with pytest.raises(UsageError, match="no sweep"):
        NamedFolder.existing(name, world / "in" / "runs")


def test_s05_a_sweep_that_is_a_link_out_is_refused_and_not_listed(world: Path) -> None:
    linked = world / "in" / "runs" / "linked"
    linked.symlink_to(world / "out" / "sweep")
    before = snapshot(world)
    for words in (("show", "linked"), ("show", "linked", "--trial", "t0000"), ("report", "linked")):
        assert "leads out" in refusal(run(world, *words)), words
    (world / "in" / "spec.yaml").write_text(SPEC.format(name="linked"))
    assert "exists" in refusal(run(world, "run", "spec.yaml"))
    (world / "in" / "spec.yaml").unlink()
    assert "linked" not in run(world, "list", "--json").out
    assert snapshot(world) == before


def test_s05_the_newest_sweep_is_never_a_link_out(world: Path) -> None:
    runs = world / "in" / "newest"
    realistic(4, cases=2, epochs=2).write(runs / "own")
    (runs / "linked").symlink_to(world / "out" / "sweep")
    shutil.copy(world / "out/sweep/ledger.jsonl", world / "out/sweep/new")
    (world / "out/sweep/new").replace(world / "out/sweep/ledger.jsonl")
    assert NamedFolder.newest(runs).name == "own"
    assert [item.name for item in list_sweeps(runs)] == ["own"]


def test_s05_a_link_inside_the_folder_of_sweeps_is_a_sweep(world: Path) -> None:
    (world / "in" / "runs" / "again").symlink_to("good")
    assert run(world, "show", "again").out == run(world, "show", "good").out != ""


def with_pictures(sweep: Path) -> None:
    """Give every trial of a sweep pictures."""
    plane = np.zeros((1, 60, 60), np.uint8)
    plane[:, 10:50, 10:50] = 1
    arrays: dict[str, Any] = dict.fromkeys(("image", "reference", "prediction"), plane)
    arrays |= {"schema_version": np.array(1), "case": np.array(["case-1"]), "slice": np.array([5])}
    for trial in SweepFolder(sweep).read().trials:
        (sweep / "trials" / trial.uid).mkdir(parents=True)
        np.savez(sweep / "trials" / trial.uid / "pictures.npz", **arrays)
        save(sweep / "trials" / trial.uid / "overlays.npz", prediction_file())
    save(sweep / "overlays" / "case-a.npz", scan_file())


# What is replaced by a link to its twin in the sweep outside, and the commands that would touch it.
LINKS = {
    "report": ("report",),
    "ledger.jsonl": ("show", "report", "watch", "dashboard"),
    "trials": ("show", "report"),
    "trials/UID": ("show", "report"),
    "trials/UID/pictures.npz": ("show", "report"),
    "trials/UID/overlays.npz": ("report",),
    "overlays": ("report",),
}


@pytest.mark.parametrize("link", LINKS)
def test_s05_links_in_a_sweep_that_lead_out_are_refused(world: Path, link: str) -> None:
    good, other = world / "in" / "runs" / "good", world / "out" / "sweep"
    for sweep in (good, other):
        with_pictures(sweep)
        (sweep / "report").mkdir()
    assert run(world, "report", "good").code == 0
    assert "data:image/png" in (good / "report" / "report.html").read_text()
    best = json.loads(run(world, "list", "--json").out)["sweeps"][0]["best_trial"]
    name = link.replace("UID", best)
    shutil.rmtree(good / name) if (good / name).is_dir() else (good / name).unlink()
    (good / name).symlink_to(other / name)
    before = snapshot(world)
    for command in LINKS[link]:
        assert "leads out" in refusal(run(world, command, "good")), command
    assert snapshot(world) == before


def test_s05_rings_of_links_end(world: Path) -> None:
    good = world / "in" / "runs" / "good"
    for name in ("report", "trials", "lock"):
        (good / name).symlink_to(name)
    (world / "in" / "runs" / "ring").symlink_to("ring")
    assert run(world, "show", "good").code == 0 and run(world, "list").code == 0
    assert "cannot be written" in refusal(run(world, "report", "good"))


def test_s05_the_driver_writes_through_no_link(world: Path) -> None:
    good, victim = world / "in" / "runs" / "good", world / "out" / "victim"
    victim.write_text("precious")
    (good / "lock").symlink_to(victim)
    with pytest.raises(ResultsError, match="lock"):
        SweepLock(good / "lock").acquire()
    assert victim.read_text() == "precious"
    (good / "ledger.jsonl").unlink()
    (good / "ledger.jsonl").symlink_to(world / "out" / "sweep" / "ledger.jsonl")
    with pytest.raises((ResultsError, OSError)):
        Ledger.open(good / "ledger.jsonl")


def said_of(world: Path, ledger: FakeLedger) -> str:
    """What is said of a sweep with such a ledger; it must be refused, and nothing must change."""
    ledger.write(world / "in" / "runs" / "good")
    before = snapshot(world)
    messages = [refusal(run(world, command, "good")) for command in ("show", "report")]
    listed = next(item for item in list_sweeps(world / "in" / "runs") if item.name == "good")
    assert listed.state == "unreadable" and listed.problem
    assert snapshot(world) == before and messages[0] == messages[1]
    return messages[0]


@pytest.mark.parametrize(
    "uid", ["../../../out/x", "/etc", ".hidden", "a/b", "x" * 65, "t0\n", "", "t0000-аa", "a\0b", 7]
)
def test_s05_a_trial_of_such_a_name_is_refused_with_its_line(world: Path, uid: object) -> None:
    def change(event: str, payload: dict[str, Any]) -> None:
        if payload.get("uid") == uid_of(0):
            payload["uid"] = uid

    assert "line 2" in said_of(world, tampered(realistic(4, cases=2, epochs=2), change))


@pytest.mark.parametrize("path", ["../../../out/x", "/etc/passwd", "trials/../../../out/x", "..", "a\0b"])
@pytest.mark.parametrize("event", ["checkpoint", "finished"])
def test_s05_files_of_a_trial_that_lie_elsewhere_are_refused_with_their_line(
    world: Path, event: str, path: str
) -> None:
    files, rng = {"epoch": 1, "path": path, "sha256": "0" * 64}, np.random.default_rng(0)
    payload = files | {"values": [0.5]}
    if event == "finished":
        payload = finished_payload(uid_of(0), "unet", rng) | {"weights": files}
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(1))
    ledger.add("suggested", **suggested_payload(0, "unet", rng))
    ledger.add("started", uid=uid_of(0), attempt=1)
    ledger.add(event, **payload | {"uid": uid_of(0)})
    assert "line 4" in said_of(world, ledger)

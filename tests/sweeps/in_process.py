"""Sweeps on the fake trainer inside this process: all of `run`, `resume`, `extend` and `--fork` but Ray, scans and signals."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import sweeps.fork
import sweeps.resume
import sweeps.run
from cluster.config import Slots
from results.ledger import Ledger, read_events
from results.ledger_line import Event
from results.records import Sweep
from sweeps.costs.refusal import memory_check
from sweeps.engine import Outcome, _close, _note_full_disk, make_driver, outcome_of
from sweeps.errors import SweepError
from sweeps.executor.session import TrialSession
from sweeps.extend import Extension
from sweeps.folder import SweepFolder
from sweeps.prepare import Prepared
from sweeps.resume import Change
from sweeps.search.driver import DONE, Driver
from sweeps.search.plan import Proposal
from sweeps.search.reconcile import Adoption
from sweeps.search.standing import Standing
from sweeps.spec import Spec, load_spec
from sweeps.workplace import Workplace
from tests.crash.fake_command import fake_setting, no_scans

SPEC = """\
name: {name}
data: {{root: ., labels: {labels}, split: {{test: 0, validation: 0.4, folds: {folds}}}}}
search:
  trials: {trials}
  sampler: {sampler}
  replicate: {replicate}
  scheduler: {scheduler}
  space: {space}
  architectures: {architectures}
train: {{epochs: {epochs}, seeds: {seeds}}}
{more}
"""
DEFAULTS = {
    "name": "a",
    "labels": "[liver, tumour]",
    "trials": 4,
    "sampler": "tpe",
    "scheduler": "none",
    "space": "{learning_rate: {log: [1.0e-5, 1.0e-2]}}",
    "architectures": "{unet: {base_filters: 4}, segnet: {base_filters: 4}}",
    "epochs": 3,
    "folds": 1,
    "seeds": 1,
    "replicate": "best",
    "more": "",
}


class Killed(BaseException):
    """The driver is gone, as after SIGKILL."""


@dataclass
class Notes:
    """A reporter that keeps what it was told."""

    lines: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.lines.append(text)

    def steps(self, label: str, total: int) -> contextlib.AbstractContextManager[Callable[..., None]]:
        return contextlib.nullcontext(lambda *_: None)

    def trials(self, *_: Any) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext(Silent())


class Silent:
    def event(self, name: str, uid: str, fields: Mapping[str, Any]) -> None:
        return None


@dataclass
class Machine:
    """Runs the trials, one after another.

    Attributes:
        epochs_to_live: after so many epochs the driver is killed; None lets it live.
        specs: under which trials were run, each time.
    """

    epochs_to_live: int | None = None
    specs: list[Spec] = field(default_factory=list)

    @contextlib.contextmanager
    def workplace(self, spec: Spec, *_: Any) -> Iterator[Workplace]:
        yield Workplace(spec, Prepared(({},), 0, 0), Slots(1, 1, 0))

    def search(
        self,
        place: Workplace,
        folder: SweepFolder,
        ledger: Ledger,
        standing: Standing,
        reporter: Notes,
        interrupts: None,
        *,
        adopted: Sequence[Adoption] = (),
        before: Sweep | None = None,
    ) -> Outcome:
        """See `sweeps.engine.search`."""
        self.specs.append(place.spec)
        misfit = memory_check(place.spec, place.slots, place.spec.trial.memory_bytes)
        driver = make_driver(place.spec, folder, ledger, standing, 1, Silent(), misfit)
        try:
            driver.take_up(adopted)
            while isinstance(proposal := driver.next(), Proposal):
                self._train(
                    driver, proposal, TrialSession(driver.launch(proposal.uid).payload(), fake_setting(place, folder))
                )
            assert proposal == DONE
        except Exception as error:
            _note_full_disk(driver, error)
        _close(driver)
        return outcome_of(driver)

    def _train(self, driver: Driver, proposal: Proposal, session: TrialSession) -> None:
        driver.started(proposal.uid)
        try:
            done = False
            while not done:
                result = session.step()
                self._live()
                if result.get("disk_full"):
                    driver.paused(proposal.uid, result)
                    return
                done = driver.epoch(proposal.uid, result) or result["done"]
            driver.ended(proposal.uid)
        except SweepError as error:
            driver.ended(proposal.uid, error=str(error))
        finally:
            session.close()

    def _live(self) -> None:
        if self.epochs_to_live is not None:
            self.epochs_to_live -= 1
            if self.epochs_to_live < 0:
                raise Killed


def install(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Put this in the place of Ray, scans and signal handlers: neither the disk nor Keras need be waited for."""
    machine = Machine()
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    # With Keras in this process from other tests, tidying up after a trial that did not use it takes a second.
    monkeypatch.setattr("sweeps.executor.session.tidy", lambda **_: None)
    for module in (sweeps.run, sweeps.resume, sweeps.fork):
        monkeypatch.setattr(module, "checked_cohort", no_scans)
        monkeypatch.setattr(module, "interruptible", contextlib.nullcontext)
        monkeypatch.setattr(module, "workplace", machine.workplace)
        monkeypatch.setattr(module, "search", machine.search)
    for module in (sweeps.run, sweeps.fork):
        monkeypatch.setattr(module, "baseline", lambda place: {})
    monkeypatch.setattr("sweeps.creation.environment", lambda folder, worker: {"schema_version": 1})
    return machine


def spec_file(root: Path, **values: Any) -> Path:
    root.mkdir(exist_ok=True)
    known = DEFAULTS | values
    path = root / f"{known['name']}.yaml"
    path.write_text(SPEC.format_map(known))
    return path


def spec_of(root: Path, **values: Any) -> Spec:
    return load_spec(spec_file(root, **values)).spec


def run(root: Path, **values: Any) -> SweepFolder:
    """Run a sweep to its end; `values` as in `SPEC`."""
    loaded = load_spec(spec_file(root, **values))
    folder = SweepFolder(root / "runs" / loaded.spec.name)
    sweeps.run.run_sweep(loaded, folder, Notes())  # type: ignore[arg-type]
    return folder


def events_of(folder: SweepFolder, *names: str) -> list[Event]:
    return [event for event in read_events(folder.ledger) if not names or event.name in names]


def extend(folder: SweepFolder, change: Change | None = None, **asked: Any) -> list[str]:
    """Extend a sweep (or change it otherwise) and run it to its end; what the user was told."""
    notes = Notes()
    sweeps.resume.resume_sweep(folder, notes, change=change or Extension(**asked))
    return notes.lines


def search_of(folder: SweepFolder) -> list[tuple[Any, ...]]:
    """All that the search decided, and what came of it."""
    return [
        (item.number, item.uid, item.architecture, dict(item.parameters), item.state, item.metrics)
        for item in folder.read().trials
    ]

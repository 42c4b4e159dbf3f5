"""`stop`: the driver is told once, in the way that reaches it, and waited for."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from results.lock import SweepLock, is_locked
from sweeps import stop
from sweeps.errors import SweepError, UsageError
from sweeps.folder import SweepFolder
from sweeps.stop import stop_sweep

# A driver that notes how it is told to stop. It ends with the first word of either kind, or after a second signal.
DRIVER = """
import signal, sys, time
from pathlib import Path
from results.lock import SweepLock
sweep, ends_with = Path(sys.argv[1]), sys.argv[2]
heard = []
def on_signal(number, frame):
    heard.append(signal.Signals(number).name)
signal.signal(signal.SIGTERM, on_signal)
with SweepLock(sweep / "lock"):
    print("driving", flush=True)
    end = time.monotonic() + 20
    while time.monotonic() < end and not (heard if ends_with == "signal" else (sweep / "stop").exists()):
        time.sleep(0.005)
    quiet = time.monotonic() + 0.2
    while time.monotonic() < quiet:
        time.sleep(0.005)
    print(heard, (sweep / "stop").exists(), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    folder = SweepFolder(tmp_path / "a")
    folder.path.mkdir()
    return folder


@pytest.fixture
def drivers() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def drive(folder: SweepFolder, drivers: list[subprocess.Popen[str]], ends_with: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVER, str(folder.path), ends_with]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    drivers.append(process)
    assert process.stdout is not None and process.stdout.readline() == "driving\n"
    return process


def test_a_driver_on_this_machine_gets_one_signal_and_no_file(
    folder: SweepFolder, drivers: list[subprocess.Popen[str]]
) -> None:
    process = drive(folder, drivers, "signal")
    done = stop_sweep(folder)
    # Had it seen the file first, it would have taken the signal for a second one, and left without saving.
    assert process.communicate()[0] == "['SIGTERM'] False\n"
    assert 0 <= done.seconds < stop.PATIENCE_S and not folder.stop.exists()


@pytest.mark.parametrize(
    ("pid", "host"), [(None, "another-machine"), (2**22 + 7, None)], ids=["another machine", "another container"]
)
def test_a_driver_that_cannot_be_signalled_finds_the_file(
    folder: SweepFolder, drivers: list[subprocess.Popen[str]], pid: int | None, host: str | None
) -> None:
    process = drive(folder, drivers, "file")
    record = json.loads(folder.lock.read_text())
    folder.lock.write_text(json.dumps(record | {"pid": pid or process.pid, "host": host or socket.gethostname()}))
    stop_sweep(folder)
    assert process.communicate()[0] == "[] True\n"
    assert not folder.stop.exists() and not is_locked(folder.lock)


def test_a_driver_that_did_not_sign_finds_the_file(folder: SweepFolder, drivers: list[subprocess.Popen[str]]) -> None:
    process = drive(folder, drivers, "file")
    folder.lock.write_text("")  # the disk was full
    stop_sweep(folder)
    assert process.communicate()[0] == "[] True\n"


def test_one_that_was_asked_already_is_only_waited_for(
    folder: SweepFolder, drivers: list[subprocess.Popen[str]]
) -> None:
    process = drive(folder, drivers, "file")
    folder.stop.touch()
    stop_sweep(folder)
    assert process.communicate()[0] == "[] True\n"


def test_a_sweep_that_nobody_drives_is_refused_and_left_alone(folder: SweepFolder) -> None:
    with pytest.raises(UsageError, match=r"a: the sweep is not running.*liversweep resume a"):
        stop_sweep(folder)
    with SweepLock(folder.lock):
        pass
    with pytest.raises(UsageError, match="not running"):
        stop_sweep(folder)
    assert not folder.stop.exists()


def test_patience_has_an_end_and_the_driver_stays_asked(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "_terminated", lambda who: False)
    moments = iter([0.0, 5.0, 11.0])
    with SweepLock(folder.lock), pytest.raises(SweepError, match=r"still at work.*10 s") as caught:
        stop_sweep(folder, patience_s=10.0, clock=lambda: next(moments))
    assert caught.value.exit_code == 1 and folder.stop.exists()


def test_a_folder_that_cannot_be_written_says_so(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stop, "_terminated", lambda who: False)
    monkeypatch.setattr(Path, "touch", full)
    with SweepLock(folder.lock), pytest.raises(SweepError, match=r"cannot be told to stop.*No space left"):
        stop_sweep(folder)

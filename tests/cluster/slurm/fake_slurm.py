"""A SLURM with two machines: the commands that scripts and people call, and what slurmctld and slurmd do behind them.

It does as SLURM does where the script depends on it: the batch shell runs on the first machine; `--signal=B:` reaches that
shell alone; a step's end is the end of all its processes; a requeued job is killed, and its script begins again from the
start with `SLURM_RESTART_COUNT`. When a job starts, and when its time is nearly over, the test says.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socketserver
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.cluster.slurm.machines import Machine, inside

_CLIENT = Path(__file__).with_name("client.py")
COMMANDS = ("sbatch", "srun", "scontrol", "squeue", "scancel")
_NAMES = {number.name.removeprefix("SIG"): number for number in signal.Signals}


@dataclass
class Job:
    """What SLURM knows of a job."""

    job_id: str
    script: Path
    options: dict[str, str]
    environment: dict[str, str]
    state: str = "PENDING"
    restarts: int = 0
    batch: psutil.Popen | None = None
    codes: list[int] = field(default_factory=list)

    @property
    def output(self) -> Path:
        """The file that takes what the job says."""
        return Path(self.options["output"].replace("%j", self.job_id).replace("%%", "%"))


class FakeSlurm:
    """Use as a context manager; `bin_folder` goes on PATH."""

    def __init__(self, folder: Path, machines: Sequence[Machine]) -> None:
        self.folder, self.machines = folder, machines
        self.jobs: dict[str, Job] = {}
        self.bin_folder = folder / "slurm-bin"
        self.bin_folder.mkdir()
        path = folder / "s"
        for name in COMMANDS:
            command = self.bin_folder / name
            command.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I {_CLIENT} {path} {name} "$@"\n')
            command.chmod(0o755)
        self._server = _Server(str(path), _Handler)
        self._server.slurm = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> FakeSlurm:
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for job in self.jobs.values():
            if job.batch is not None:
                self._end(job)

    def start(self, job: Job) -> None:
        """Give the job its machines."""
        assert job.state == "PENDING", job.state
        names = ",".join(machine.name for machine in self.machines)
        given = {"SLURM_JOB_ID": job.job_id, "SLURM_JOB_NODELIST": names}
        given |= {"SLURM_RESTART_COUNT": str(job.restarts)} if job.restarts else {}
        job.state = "RUNNING"
        with job.output.open("ab") as output:
            job.batch = self.machines[0].start(
                ["/bin/bash", str(job.script)],
                folder=job.options["chdir"],
                environment=job.environment | given,
                output=output,
            )

    def announce_end(self, job: Job) -> None:
        """As `--signal` asks for when the time is nearly over; SLURM says it once."""
        words, _, _ = job.options["signal"].partition("@")
        assert words.startswith("B:"), "every process of every step would be signalled"
        self._signal_batch(job, _NAMES[words.removeprefix("B:")])

    def wait(self, job: Job, timeout_s: float) -> str:
        """Wait for the end of the batch script; the job's state after it."""
        assert job.batch is not None
        code = job.batch.wait(timeout_s)
        end = time.monotonic() + timeout_s
        while job.state == "REQUEUED" and time.monotonic() < end:
            time.sleep(0.02)
        self._end(job)
        job.codes.append(code)
        if job.state == "RUNNING":
            job.state = "FAILED" if code else "COMPLETED"
        return job.state

    def answer(self, question: Mapping[str, Any], gone: threading.Event) -> tuple[str, str, int]:
        """What a command prints on stdout and stderr, and its exit code."""
        arguments = list(question["arguments"])
        if question["command"] == "srun":
            return "", "", self._step(arguments, question, gone)
        if question["command"] == "sbatch":
            return self._take(question)
        words = [word for word in arguments if not word.startswith("-")]
        if question["command"] == "scontrol" and words[:2] == ["show", "hostnames"]:
            return words[2].replace(",", "\n") + "\n", "", 0
        job = self.jobs.get((words or [_value(arguments, "jobs")])[-1])
        if job is None:
            return "", "slurm_load_jobs error: Invalid job id specified\n", 1
        if question["command"] == "squeue":
            return job.state + "\n", "", 0
        return getattr(self, f"_{question['command']}")(job, arguments)

    def _take(self, question: Mapping[str, Any]) -> tuple[str, str, int]:
        job_id = str(4711 + len(self.jobs))
        script = self.folder / f"slurm_script-{job_id}"
        script.write_text(question["input"])
        options = read_options(question["input"])
        self.jobs[job_id] = Job(job_id, script, options, dict(question["environment"]))
        return job_id + "\n", "", 0

    def _scancel(self, job: Job, arguments: list[str]) -> tuple[str, str, int]:
        if "--batch" in arguments:
            self._signal_batch(job, _NAMES[_value(arguments, "signal")])
        else:
            job.state = "CANCELLED"
            threading.Thread(target=self._end, args=[job]).start()
        return "", "", 0

    def _scontrol(self, job: Job, arguments: list[str]) -> tuple[str, str, int]:
        assert arguments[0] == "requeue", arguments
        job.state = "REQUEUED"
        threading.Thread(target=self._requeue, args=[job]).start()
        return "", "", 0

    def _requeue(self, job: Job) -> None:
        self._end(job)
        job.restarts += 1
        job.state = "PENDING"

    def _signal_batch(self, job: Job, number: signal.Signals) -> None:
        assert job.batch is not None
        inside(job.batch).send_signal(number)

    def _step(self, arguments: list[str], question: Mapping[str, Any], gone: threading.Event) -> int:
        """Run a task on each machine, until all have ended or nobody waits for them any longer."""
        command = arguments[sum(1 for _ in _leading(arguments)) :]
        assert _value(arguments, "ntasks") == str(len(self.machines))
        job = self.jobs[question["environment"]["SLURM_JOB_ID"]]
        tasks = []
        with job.output.open("ab") as output:
            for number, machine in enumerate(self.machines):
                tasks.append(
                    machine.start(
                        command,
                        folder=question["folder"],
                        environment=question["environment"] | {"SLURM_NODEID": str(number)},
                        output=output,
                    )
                )
        while any(task.poll() is None for task in tasks) and not gone.wait(0.05):
            pass
        self._end_step(job)
        return max(abs(task.wait(30)) for task in tasks)

    def _end_step(self, job: Job) -> None:
        """End what runs on the machines, but for the batch shell and its children."""
        spared: set[int] = set()
        if job.batch is not None and job.batch.poll() is None:
            with suppress(psutil.Error):
                spared = {process.pid for process in job.batch.children(recursive=True)}
        _kill([process for machine in self.machines for process in machine.processes() if process.pid not in spared])

    def _end(self, job: Job) -> None:
        """End all processes of a job."""
        for machine in self.machines:
            _kill(machine.processes())
        if job.batch is not None:
            job.batch.wait(30)


def read_options(script: str) -> dict[str, str]:
    """The options on `#SBATCH` lines, read as sbatch reads them: a backslash takes the next letter as it is, also in quotes."""
    options = {}
    for line in script.splitlines():
        if line.startswith("#SBATCH"):
            option, _, value = _unquoted(line.removeprefix("#SBATCH").strip()).partition("=")
            options[option.removeprefix("--")] = value
    return options


def _unquoted(text: str) -> str:
    found, quote, letters = "", "", iter(text)
    for letter in letters:
        if letter == "\\":
            found += next(letters, "")
        elif letter == quote:
            quote = ""
        elif not quote and letter in "\"'":
            quote = letter
        elif not quote and (letter == "#" or letter.isspace()):
            break
        else:
            found += letter
    assert not quote, "SLURM would refuse an open quote"
    return found


def _leading(arguments: Sequence[str]) -> list[str]:
    """Options in front of a command."""
    count = next((index for index, word in enumerate(arguments) if not word.startswith("-")), len(arguments))
    return list(arguments[:count])


def _value(arguments: Sequence[str], option: str) -> str:
    return next((word.partition("=")[2] for word in arguments if word.startswith(f"--{option}=")), "")


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    slurm: FakeSlurm


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        question = json.loads(self.rfile.readline())
        gone, done = threading.Event(), threading.Event()
        watcher = threading.Thread(target=self._watch, args=[gone, done])
        watcher.start()
        out, err, code = self.server.slurm.answer(question, gone)
        done.set()
        watcher.join()
        with suppress(OSError):
            self.wfile.write(json.dumps({"out": out, "err": err, "code": code}).encode() + b"\n")

    def _watch(self, gone: threading.Event, done: threading.Event) -> None:
        """Whether the command is still there: it says nothing more, so what can be read is its end."""
        while not done.is_set():
            if select.select([self.connection], [], [], 0.05)[0]:
                gone.set()
                return


def no_process_left(machines: Sequence[Machine], deadline_s: float = 20.0) -> bool:
    """Whether the machines are idle, or are before the deadline."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if not any(machine.processes() for machine in machines):
            return True
        time.sleep(0.05)
    return False


def on_path(*folders: Path | str) -> str:
    """A PATH that begins with some folders."""
    return os.pathsep.join([*map(str, folders), os.environ["PATH"]])

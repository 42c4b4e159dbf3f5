"""What a SLURM job asks for and runs, as one frozen value that has been checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.errors import ClusterError

SHORTEST_S = 300
NOTICE_S = 120
"""How long before the end of its time a job is told, so that the sweep can save its state."""

TEMP_ROOT_BYTES = 22
"""Of the 107 bytes of a unix socket's path, what the folder may take: the job's number takes 20 and Ray's own names 64."""

_RESERVED = """
    --array --chdir --cpus-per-task --error --gpus-per-node --job-name --nodes --no-requeue --ntasks --ntasks-per-node
    --open-mode --output --requeue --signal --wrap -a -c -D -e -J -N -n -o
"""
RESERVED_OPTIONS = frozenset(_RESERVED.split())
"""Options of sbatch that the script's own working depends on."""

_FOLDERS = ("working_folder", "shared_folder", "bin_folder", "temp_root")


class SlurmConfigError(ClusterError):
    """The job cannot be described to SLURM as wanted; carries every reason, a line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmConfig:
    """One job that runs one sweep on `nodes` machines.

    Attributes:
        name: the job's name.
        command: the sweep's command with its arguments; runs on the first machine, inside the Ray of all.
        working_folder: where the command runs; absolute, the same on every machine.
        shared_folder: absolute, seen and writable by every machine; takes the job's output, and while it runs its token.
        bin_folder: put first on PATH, before `setup`; where `liversweep` and `ray` are. None leaves PATH alone.
        nodes: machines; each runs one Ray node.
        cpus_per_node, gpus_per_node: what each machine gives to the job, and Ray to the trials.
        gpu_type: as SLURM calls it, for example `a100`; None takes any.
        memory_per_node_bytes: None takes the partition's default.
        time_s: time limit; None takes the partition's default.
        object_store_bytes: Ray's shared memory on each machine; None lets Ray choose.
        partition, account, qos: None takes SLURM's default.
        exclusive: whether the machines are the job's alone.
        requeues: how often the job may put itself back into the queue when its time is over before the sweep is.
        wait_s: how long the machines wait for each other.
        temp_root: folder on each machine for Ray's sockets, logs and spilled objects; short.
        setup: shell lines that are run before anything else.
        options: further options of sbatch, one each.

    Raises:
        SlurmConfigError: from the constructor; all that is wrong at once.
    """

    name: str
    command: tuple[str, ...]
    working_folder: str
    shared_folder: str
    bin_folder: str | None = None
    nodes: int = 1
    cpus_per_node: int = 8
    gpus_per_node: int = 0
    gpu_type: str | None = None
    memory_per_node_bytes: int | None = None
    time_s: float | None = None
    object_store_bytes: int | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    exclusive: bool = True
    requeues: int = 50
    wait_s: int = 300
    temp_root: str = "/tmp"
    setup: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = [*_text_problems(self), *_option_problems(self.options), *_limit_problems(self)]
        if problems:
            raise SlurmConfigError("\n".join(problems))

    def log_file(self, job_id: str) -> str:
        """The job's output; what a requeued job says is added to it."""
        return f"{self.shared_folder}/{self.name}-{job_id}.log"


def _text_problems(config: SlurmConfig) -> Iterator[str]:
    """A line break would end a line of the script in the middle, and what follows would be a line of its own."""
    fields = ("name", "partition", "account", "qos", "gpu_type", *_FOLDERS)
    named = [(field, getattr(config, field)) for field in fields]
    named += [("the command", word) for word in config.command]
    named += [("setup", line) for line in config.setup] + [("options", line) for line in config.options]
    for field, text in named:
        if text is not None and any(not letter.isprintable() and letter != "\t" for letter in text):
            yield f"{field}: a line break or another control character; got {text!r}; allowed: printable characters"
    for field in _FOLDERS:
        text = getattr(config, field)
        if text is not None and not text.startswith("/"):
            yield f"{field}: no absolute path; got {text!r}; allowed: a path that is the same on every machine"
    if "\\" in config.shared_folder + config.name:
        yield (
            f"shared_folder: SLURM takes a backslash in the name of the output file for an instruction; got "
            f"{config.shared_folder!r}; choose another folder with --runs"
        )
    if not config.name or "/" in config.name or config.name.startswith("."):
        yield f"name: it becomes part of a file's name; got {config.name!r}; allowed: no slash, no dot in front"


def _option_problems(options: tuple[str, ...]) -> Iterator[str]:
    for line in options:
        word = line.split("=", 1)[0].split(None, 1)[0] if line.strip() else ""
        short = word[:2] if word.startswith("-") and not word.startswith("--") else word
        if not word.startswith("-"):
            yield f"options: no option of sbatch; got {line!r}; allowed: for example --constraint=a100"
        elif short in RESERVED_OPTIONS:
            yield (
                f"options: the script sets {short} itself; got {line!r}; use the keys of cluster.slurm for machines, "
                "cores, GPUs and time"
            )


def _limit_problems(config: SlurmConfig) -> Iterator[str]:
    if not config.command:
        yield "the command: nothing to run"
    if config.time_s is not None and config.time_s < SHORTEST_S:
        yield (
            f"time: too short, since a job is told {NOTICE_S} s before its end; got {config.time_s:g} s; allowed: at "
            f"least {SHORTEST_S} s"
        )
    if len(config.temp_root.encode()) > TEMP_ROOT_BYTES:
        yield (f"temp_root: too long for Ray's sockets; got {config.temp_root!r}; allowed: {TEMP_ROOT_BYTES} bytes")
    if config.gpu_type is not None and not config.gpus_per_node:
        yield f"gpu_type: no GPU is asked for; got {config.gpu_type!r}; set gpus_per_node, or leave the type out"

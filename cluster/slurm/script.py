r"""The text of an sbatch script: Ray on all machines of a SLURM job, a sweep on top, and the job's return to the queue.

How the pieces fit, and why:

- `--signal=B:TERM@120` tells only the batch shell. Without `B:` SLURM signals every process of every step on every machine,
  Ray's own servers included, and the sweep would lose its Ray in the moment in which its trials have to save themselves.
  The shell passes the signal on to one process: the sweep's, which is on the same machine, since SLURM starts the batch
  shell on the first one.
- SLURM puts no job back into the queue because its time is over. The script does so itself when it was told of the end and
  the sweep says with exit code 130 that it is not done; never while the job is being cancelled.
- SIGINT means the opposite: save and stay away. `scancel --batch --signal=INT` is how a person stops a sweep.
- `ray symmetric-run` (Ray 2.60) returns 0 when Ray did not even start, waits half a minute for the other machines, and ends
  with `ray stop`, which ends every Ray of this user on the machine. So the exit code counts only if the sweep was started,
  the wait is longer, and machines are the job's alone unless told otherwise.
- Ray on the other machines looks for its lost head for a minute. Nothing is left to do there once the sweep has ended, so
  the step is ended with it, and a second step removes what it left in the machines' temp folders.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from cluster.slurm.config import NOTICE_S, SlurmConfig

FIRST_PORT = 20_000
PORTS = 10_000
"""Between the ports that Ray gives to its workers (10002 to 19999) and those that systems give to anybody (32768 on)."""

CLEAN_END_S = 60
"""How long the sweep and `ray stop` may take after a signal; a sweep takes ten seconds."""

_MIB = 1024**2
_PLAIN = re.compile(r"[^A-Za-z0-9_./:=@%+,-]")
_TRAP = re.compile(r"(pack|het)(job)", re.IGNORECASE)

_NODE_PART = r"""
# One machine: a folder for Ray that only this user can enter, then Ray, and on the first machine the sweep.
export RAY_TMPDIR="$RAY_FOLDERS-$SLURM_NODEID"
own=(--temp-dir "$RAY_TMPDIR")
if [ "$SLURM_NODEID" = 0 ]; then
    # What Ray takes on the first machine only. The number of machines is fixed: there is nothing to monitor.
    own+=(--no-monitor --include-dashboard=false "--ray-client-server-port=$CLIENT_PORT")
fi
code=0
rm -rf -- "$RAY_TMPDIR"
mkdir -m 700 -- "$RAY_TMPDIR" && ray symmetric-run "${own[@]}" "$@" || code=$?
if [ "$SLURM_NODEID" = 0 ]; then
    # Without a sweep the exit code 0 only means that Ray has said why.
    if [ ! -e "$JOB_FOLDER/driver.pid" ]; then code=1; fi
    echo "$code" >"$JOB_FOLDER/code.new"
    mv -- "$JOB_FOLDER/code.new" "$JOB_FOLDER/code"
elif [ ! -e "$JOB_FOLDER/driver.pid" ]; then
    # Ended before the sweep began, with whatever exit code.
    echo "error: no Ray on $(hostname)" >&2
    echo "$code" >"$JOB_FOLDER/failed-$SLURM_NODEID"
fi
rm -rf -- "$RAY_TMPDIR"
exit "$code"
"""

_DRIVER_PART = r"""
# The sweep keeps this process: the number is the one to signal.
echo "$$" >"$JOB_FOLDER/driver.new"
mv -- "$JOB_FOLDER/driver.new" "$JOB_FOLDER/driver.pid"
exec "$@"
"""

_PREPARE = r"""
for needed in liversweep ray srun scontrol squeue; do
    if ! command -v "$needed" >/dev/null; then
        echo "error: no $needed on this machine; put the lines that make it available into cluster.slurm.setup" >&2
        exit 1
    fi
done

# One folder for this job, which every machine sees and only this user can enter. The token lies in there and nowhere else.
export JOB_FOLDER="$shared_folder/$SLURM_JOB_ID"
mkdir -p -- "$shared_folder"
rm -rf -- "$JOB_FOLDER"
mkdir -m 700 -- "$JOB_FOLDER"
trap 'rm -rf -- "$JOB_FOLDER"' EXIT
(
    umask 077
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$JOB_FOLDER/token"
)
unset RAY_AUTH_TOKEN
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$JOB_FOLDER/token" RAY_USAGE_STATS_ENABLED=0

# This machine is the first of the job: the head of its Ray. Names that lead back to the machine itself are no address.
hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
first=${hosts%%$'\n'*}
head_address=$({ getent ahostsv4 "$first" || true; } | awk '$1 !~ /^127[.]/ && !found { print $1; found = 1 }')
if [ -z "$head_address" ]; then
    head_address=$(hostname -I | awk '{ print $1 }')
fi
if [ -z "$head_address" ]; then
    echo "error: $first has no address that the other machines could reach" >&2
    exit 1
fi
"""

_WAIT = r"""
# The end of the job's time comes as TERM, a person's wish as INT. Either goes on to the sweep, once.
told=none
trap 'if [ "$told" = none ]; then told=end; fi' TERM
trap 'if [ "$told" = none ]; then told=wish; fi' INT
"""

_FINISH = r"""
give_up=
while kill -0 "$step" 2>/dev/null && [ ! -s "$JOB_FOLDER/code" ]; do
    if [ "$told" != none ] && [ -z "$give_up" ]; then
        give_up=$((SECONDS + CLEAN_END_S))
        if [ -s "$JOB_FOLDER/driver.pid" ]; then
            kill -TERM "$(cat "$JOB_FOLDER/driver.pid")" 2>/dev/null || true
        else
            break # Ray is still being started
        fi
    elif [ -n "$give_up" ] && [ "$SECONDS" -ge "$give_up" ]; then
        break
    elif [ ! -e "$JOB_FOLDER/driver.pid" ] && compgen -G "$JOB_FOLDER/failed-*" >/dev/null; then
        break # the first machine would wait for nothing
    fi
    sleep 1
done
kill -TERM "$step" 2>/dev/null || true
wait "$step" || true
code=none
if [ -s "$JOB_FOLDER/code" ]; then code=$(cat "$JOB_FOLDER/code"); fi
timeout 30 srun "${everywhere[@]}" bash -c 'rm -rf -- "$RAY_FOLDERS-$SLURM_NODEID"' || true
rm -rf -- "$JOB_FOLDER"

# Not done: 130 says the sweep; 143 and 241 that the signal came before it could listen; nothing that it was not heard of.
# Then back into the queue, but only when SLURM has announced the end, and never while the job is being cancelled.
case "$told $code" in
"end 130" | "end 143" | "end 241" | "end none")
    state=$(squeue --noheader --format=%T --jobs="$SLURM_JOB_ID" || true)
    if [ "$state" != RUNNING ]; then
        echo "the job is not put back into the queue: its state is ${state:-unknown}" >&2
    elif [ "${SLURM_RESTART_COUNT:-0}" -ge "$REQUEUES" ]; then
        echo "the job is not put back into the queue again after $REQUEUES times; submit it again to go on" >&2
    else
        echo "the time is over, the sweep is not: back into the queue" >&2
        scontrol requeue "$SLURM_JOB_ID" || echo "error: SLURM did not take it back; submit it again to go on" >&2
    fi
    ;;
esac
if [ "$code" = none ]; then code=1; fi
exit "$code"
"""


def render(config: SlurmConfig) -> str:
    """The script: the same for the same configuration, with no secret in it."""
    return "\n".join([*_head(config), *_environment(config), _PREPARE.strip("\n"), "", *_ray(config)]) + "\n"


def sbatch_value(text: str) -> str:
    """A value on an `#SBATCH` line, unchanged by sbatch's own reading: a backslash before whatever could mean something.

    sbatch reads backslashes also inside quotes, `#` as a comment, and older ones blank out the words `packjob` and `hetjob`.
    """
    return _TRAP.sub(r"\1\\\2", _PLAIN.sub(lambda match: "\\" + match[0], text))


def time_limit(seconds: float) -> str:
    """SLURM's `days-hours:minutes:seconds`, rounded up."""
    whole = -int(-seconds // 1)
    days, rest = divmod(whole, 86_400)
    return f"{days}-{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"


def _head(config: SlurmConfig) -> Iterator[str]:
    yield "#!/bin/bash"
    for option, value in _options(config):
        yield f"#SBATCH --{option}" if value is None else f"#SBATCH --{option}={sbatch_value(value)}"
    yield from (f"#SBATCH {line}" for line in config.options)
    yield ""
    yield f"# The sweep {config.name} on {config.nodes} machines. Written by: liversweep cluster slurm"
    yield f"# Submit it with: mkdir -p {shlex.quote(config.shared_folder)} && sbatch THIS_FILE"
    yield "set -euo pipefail"
    yield ""


def _options(config: SlurmConfig) -> Iterator[tuple[str, str | None]]:
    yield "job-name", config.name
    yield "nodes", str(config.nodes)
    yield "ntasks-per-node", "1"
    yield "cpus-per-task", str(config.cpus_per_node)
    if config.gpus_per_node:
        kind = f"{config.gpu_type}:" if config.gpu_type else ""
        yield "gpus-per-node", f"{kind}{config.gpus_per_node}"
    if config.memory_per_node_bytes is not None:
        yield "mem", f"{max(1, config.memory_per_node_bytes // _MIB)}M"
    if config.time_s is not None:
        yield "time", time_limit(config.time_s)
    for option in ("partition", "account", "qos"):
        if getattr(config, option) is not None:
            yield option, getattr(config, option)
    if config.exclusive:
        yield "exclusive", None
    yield "chdir", config.working_folder
    yield "output", f"{_literal(config.shared_folder)}/{_literal(config.name)}-%j.log"
    yield "open-mode", "append"
    yield "requeue", None
    yield "signal", f"B:TERM@{NOTICE_S}"


def _literal(path: str) -> str:
    """`%` begins one of SLURM's patterns in the name of the output file."""
    return path.replace("%", "%%")


def _environment(config: SlurmConfig) -> Iterator[str]:
    if config.bin_folder is not None:
        yield f'export PATH={shlex.quote(config.bin_folder)}:"$PATH"'
    if config.setup:
        yield "set +u"
        yield from config.setup
        yield "set -u"
    yield f"shared_folder={shlex.quote(config.shared_folder)}"


def _ray(config: SlurmConfig) -> Iterator[str]:
    yield "# Numbers of its own for each job, should two share a machine."
    yield f"port=$(({FIRST_PORT} + SLURM_JOB_ID % {PORTS}))"
    yield f'export CLIENT_PORT="$((port + {PORTS}))" RAY_ADDRESS="$head_address:$port"'
    yield f'export RAY_FOLDERS={shlex.quote(config.temp_root.rstrip("/") + "/lsw")}-"$SLURM_JOB_ID"'
    yield "# How long machines wait for each other: in seconds, and in questions every two seconds."
    yield f"export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT={config.wait_s} RAY_NUM_REDIS_GET_RETRIES={config.wait_s // 2}"
    yield f"REQUEUES={config.requeues}"
    yield f"CLEAN_END_S={CLEAN_END_S}"
    yield ""
    yield f"node_part={shlex.quote(_NODE_PART)}"
    yield f"driver_part={shlex.quote(_DRIVER_PART)}"
    yield f"sweep=({shlex.join(config.command)})"
    yield from _WAIT.split("\n")
    yield "everywhere=("
    yield f"    --nodes={config.nodes} --ntasks={config.nodes} --ntasks-per-node=1"
    yield f"    --cpus-per-task={config.cpus_per_node} --export=ALL --kill-on-bad-exit=0 --wait=0"
    yield ")"
    yield 'srun "${everywhere[@]}" bash -c "$node_part" node \\'
    yield f'    --address "$RAY_ADDRESS" --min-nodes {config.nodes} \\'
    yield f"    {shlex.join(_node_options(config))} \\"
    yield '    -- bash -c "$driver_part" driver "${sweep[@]}" &'
    yield "step=$!"
    yield from _FINISH.strip("\n").split("\n")


def _node_options(config: SlurmConfig) -> list[str]:
    options = ["--num-cpus", str(config.cpus_per_node), "--num-gpus", str(config.gpus_per_node)]
    if config.object_store_bytes is not None:
        options += ["--object-store-memory", str(config.object_store_bytes)]
    return options

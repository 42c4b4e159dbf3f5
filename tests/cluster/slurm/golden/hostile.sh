#!/bin/bash
#SBATCH --job-name=fake
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --partition=a\ b
#SBATCH --chdir=/data/it\'s\ \#1\ \$HOME
#SBATCH --output=/data/100%%\ het\job/\"q\"/fake-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:TERM@120

# The sweep fake on 2 machines. Written by: liversweep cluster slurm
# Submit it with: mkdir -p '/data/100% hetjob/"q"' && sbatch THIS_FILE
set -euo pipefail

shared_folder='/data/100% hetjob/"q"'
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

# Numbers of its own for each job, should two share a machine.
port=$((20000 + SLURM_JOB_ID % 10000))
export CLIENT_PORT="$((port + 10000))" RAY_ADDRESS="$head_address:$port"
export RAY_FOLDERS='/local/it'"'"'s/lsw'-"$SLURM_JOB_ID"
# How long machines wait for each other: in seconds, and in questions every two seconds.
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300 RAY_NUM_REDIS_GET_RETRIES=150
REQUEUES=0
CLEAN_END_S=60

node_part='
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
'
driver_part='
# The sweep keeps this process: the number is the one to signal.
echo "$$" >"$JOB_FOLDER/driver.new"
mv -- "$JOB_FOLDER/driver.new" "$JOB_FOLDER/driver.pid"
exec "$@"
'
sweep=(liversweep run '/data/it'"'"'s $(reboot) `x`/a "b" #c.yaml' --runs 's3://bucket/a b')

# The end of the job's time comes as TERM, a person's wish as INT. Either goes on to the sweep, once.
told=none
trap 'if [ "$told" = none ]; then told=end; fi' TERM
trap 'if [ "$told" = none ]; then told=wish; fi' INT

everywhere=(
    --nodes=2 --ntasks=2 --ntasks-per-node=1
    --cpus-per-task=8 --export=ALL --kill-on-bad-exit=0 --wait=0
)
srun "${everywhere[@]}" bash -c "$node_part" node \
    --address "$RAY_ADDRESS" --min-nodes 2 \
    --num-cpus 8 --num-gpus 0 \
    -- bash -c "$driver_part" driver "${sweep[@]}" &
step=$!
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

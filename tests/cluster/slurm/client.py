"""Every fake command of SLURM: `python client.py SOCKET COMMAND ARGUMENTS…` asks the fake SLURM behind the socket.

SIGTERM is for `srun`, which ends the step and waits until it has ended: the other side is told by the end of what we say.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path


def main(path: str, command: str, *arguments: str) -> int:
    question = {
        "command": command,
        "arguments": arguments,
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "input": sys.stdin.read() if command == "sbatch" else "",
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(json.dumps(question).encode() + b"\n")
        signal.signal(signal.SIGTERM, lambda number, frame: connection.shutdown(socket.SHUT_WR))
        with connection.makefile() as stream:
            answer = json.loads(stream.readline())
    sys.stdout.write(answer["out"])
    sys.stderr.write(answer["err"])
    return int(answer["code"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Every fake command of SLURM: `python client.py SOCKET COMMAND ARGUMENTS…` asks the fake SLURM behind the socket.

SIGTERM ends it as it ends `srun`: the other side sees that nobody waits any longer, and ends the step.
"""

from __future__ import annotations

import json
import os
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
        with connection.makefile() as stream:
            answer = json.loads(stream.readline())
    sys.stdout.write(answer["out"])
    sys.stderr.write(answer["err"])
    return int(answer["code"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""The first process of a fake machine: names it, gives it its table of hosts, and reaps what others leave behind.

Runs in namespaces of its own: `python machine.py NAME HOSTS_FILE`. Ray's servers outlive those that start them, and
`ray stop` waits until they are gone, not merely dead.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys


def main(name: str, hosts: str) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    socket.sethostname(name)
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        signal.sigwait({signal.SIGCHLD})
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])

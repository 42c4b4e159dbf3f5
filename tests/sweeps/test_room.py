"""What is said of workers that wait for room."""

from __future__ import annotations

from sweeps.fleet import Fleet
from sweeps.room import waiting_text


def test_it_says_what_is_asked_for_and_what_is_free() -> None:
    text = waiting_text(1, 0, Fleet(), {"memory": 1.0})
    assert text == (
        "1 worker waits for room on the cluster, each for 1 CPU (0 free) on one machine; nothing is done until then, "
        "Ctrl-C ends this command"
    )
    text = waiting_text(2, 3, Fleet(cpus=4, gpus=0.5, memory_bytes=2 * 10**9), {"CPU": 3.0, "GPU": 1.0, "memory": 1e9})
    assert text.startswith("2 workers wait for room on the cluster, each for 4 CPUs (3 free), 0.5 GPUs (1 free), 2")
    assert text.endswith("on one machine; 3 at work go on")

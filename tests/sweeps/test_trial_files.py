from __future__ import annotations

from pathlib import Path

from sweeps.trial_files import LOG, hung

OWN = "2026-01-02 03:04:05,678 INFO epoch 1: loss 0.5\n"
MARK = 'Timeout (0:00:02.500000)!\nThread 0x00007f (most recent call first):\n  File "a.py", line 1 in b\n'


def test_a_hung_process_is_told_by_the_end_of_its_log(tmp_path: Path) -> None:
    assert not hung(tmp_path)
    for text, expected in (
        ("", False),
        (OWN, False),
        (OWN + MARK, True),
        (OWN + MARK + OWN, False),
        (OWN + MARK + OWN + MARK, True),
        (OWN + "printed: Timeout (0:00:02)! again\n", False),
    ):
        (tmp_path / LOG).write_text(text)
        assert hung(tmp_path) == expected, text

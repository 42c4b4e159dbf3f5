"""A process whose stdout is for data."""

from __future__ import annotations


def keep_stdout_for_data() -> None:
    """Keep Ray from printing on this process's stdout, from now on.

    It tells of every worker that dies there, in a paragraph, whatever `log_to_driver` says. Who uses workers says himself
    what came of them.
    """
    from ray._private import worker

    worker.print_to_stdstream = lambda data, ignore_prefix: None

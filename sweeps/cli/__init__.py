"""The command `liversweep`. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_FAILED_TRIALS = 3
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; a user's mistake ends in a message and an exit code, never in a traceback."""
    from sweeps.command_clock import whole_process

    with whole_process():
        _main()


def _main() -> None:
    from sweeps.cli.app import app
    from sweeps.cli.console import fail

    try:
        app()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output left (`liversweep list | head`): nothing is wrong.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        fail(error)

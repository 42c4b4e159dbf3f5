"""`python -m sweeps` is the command `liversweep`, also where it is not installed but only lies in the folder."""

from __future__ import annotations

from sweeps.cli import main

if __name__ == "__main__":
    main()

"""What must stay light and apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.results.ledger_factory import realistic

HEAVY = frozenset(
    ("keras", "tensorflow", "ray", "pandas", "optuna", "torch", "matplotlib", "scipy", "numpy", "pydantic_core")
)
ROOT = Path(__file__).resolve().parents[2]
HELP = """
import sys
sys.argv = ["liversweep", *{arguments!r}]
from sweeps.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""


def loaded(*arguments: str) -> set[str]:
    """Top-level modules that a command has loaded when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", HELP.format(arguments=list(arguments))], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split("LOADED", 1)[1].split())


@pytest.mark.parametrize(
    "arguments", [("--help",), ("run", "--help"), ("data", "--help"), ("compare", "--help"), ("--version",)]
)
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    found = loaded(*arguments).intersection(HEAVY) - {"pydantic_core"}
    assert found == set()


def test_listing_architectures_and_checking_a_spec_load_no_keras() -> None:
    for arguments in (("architectures", "--json"), ("spec", "check", "study")):
        assert loaded(*arguments).isdisjoint({"keras", "tensorflow", "ray", "optuna", "torch"})


def test_looking_at_a_running_sweep_loads_nothing_that_trains(tmp_path: Path) -> None:
    sweep = realistic(4, cases=2, epochs=2).write(tmp_path / "a").parent
    assert loaded("watch", str(sweep), "--once").isdisjoint(HEAVY - {"numpy", "pydantic_core"})


def test_every_folder_of_tests_is_a_package() -> None:
    """Without `__init__.py`, `tests/cluster` would shadow the package `cluster`."""
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_lock_has_hashes_and_names_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    requirements = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(requirements) > 50 and text.count("--hash=sha256:") >= len(requirements)


def test_each_package_has_a_readme() -> None:
    for package in ("sweeps", "liverseg", "cluster", "results"):
        assert (ROOT / package / "README.md").is_file()


def test_no_file_is_called_utils() -> None:
    vague = {"utils.py", "util.py", "helpers.py", "misc.py", "common.py"}
    files = [
        path for package in ("sweeps", "liverseg", "cluster", "results") for path in (ROOT / package).rglob("*.py")
    ]
    assert [path for path in files if path.name in vague] == []

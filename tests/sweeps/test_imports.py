from __future__ import annotations

import gc
import importlib
import subprocess
import sys

import pytest

from sweeps.imports import quick_imports


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()


def test_a_hidden_package_is_not_there_within_the_block_and_is_afterwards():
    sys.modules.pop("wave", None)
    with quick_imports("wave", "json"), pytest.raises(ImportError):
        importlib.import_module("wave")
    assert importlib.import_module("wave")


def test_what_is_loaded_already_stays():
    before = sys.modules["json"]
    with quick_imports("json"):
        assert importlib.import_module("json") is before
    assert sys.modules["json"] is before


def test_the_collector_rests_and_then_does_not_see_what_was_imported():
    with quick_imports():
        assert not gc.isenabled()
        frozen = gc.get_freeze_count()
    assert gc.isenabled() and gc.get_freeze_count() > frozen


def test_a_failed_import_leaves_all_as_it_was():
    with pytest.raises(ImportError), quick_imports("wave"):
        importlib.import_module("no_such_module")
    assert gc.isenabled() and sys.modules.get("wave", "absent") is not None


def test_keras_can_do_without_matplotlib():
    work = (
        "import sys\nfrom sweeps.imports import quick_imports\nwith quick_imports('matplotlib'):\n    import keras\n"
        "assert not any(name.partition('.')[0] == 'matplotlib' for name in sys.modules)\nimport matplotlib.pyplot"
    )
    subprocess.run([sys.executable, "-c", work], check=True, env={"KERAS_BACKEND": "tensorflow", "PATH": ""})

"""S3, by the source itself: no call in the four packages could load code from a file, or switch a guard off."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sweeps", "liverseg", "cluster", "results")
MODULES = frozenset(
    ["pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"]
)
FUNCTIONS = frozenset({"eval", "exec", "compile", "__import__"})
# Methods that unpickle or build what a file says, whatever they are called on.
METHODS = frozenset(
    [
        "read_pickle",
        "to_pickle",
        "load_model",
        "save_model",
        "model_from_json",
        "enable_unsafe_deserialization",
        "unsafe_load",
        "full_load",
    ]
)
# Functions with a guard that must be set at every call, since a default may change.
GUARDED = frozenset(
    {"np.load", "np.savez", "np.savez_compressed", "np.save", "numpy.load", "numpy.save", "numpy.savez"}
)
SAFE_YAML = frozenset({"safe", "rt"})


def offences(source: str) -> list[str]:
    """What in a module's source breaks the promise: `line: what`."""
    found = [(node.lineno, what) for node in ast.walk(ast.parse(source)) for what in _offences(node)]  # type: ignore[attr-defined]
    return [f"{line}: {what}" for line, what in sorted(found)]


def _offences(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [f"import {item.name}" for item in node.names if MODULES.intersection(item.name.split("."))]
    if isinstance(node, ast.ImportFrom):
        names = [*(node.module or "").split("."), *(item.name for item in node.names)]
        return [f"from {node.module} import" for _ in MODULES.intersection(names)]
    if isinstance(node, ast.Constant):
        return [f"the name {node.value}"] if isinstance(node.value, str) and node.value in MODULES else []
    return _of_call(node) if isinstance(node, ast.Call) else []


def _of_call(node: ast.Call) -> list[str]:
    called = ast.unparse(node.func)
    last = called.split(".")[-1]
    given = {item.arg: item.value for item in node.keywords}
    found = [f"{called}("] if called in FUNCTIONS or last in METHODS or called.endswith("saved_model.load") else []
    if called in ("yaml.load", "torch.load"):
        found.append(f"{called}(")
    if last == "YAML" and _constant(given.get("typ")) not in SAFE_YAML:
        found.append("YAML( that is not safe")
    if "safe_mode" in given and _constant(given["safe_mode"]) is not True:
        found.append("safe_mode= that is not True")
    if "weights_only" in given and _constant(given["weights_only"]) is not True:
        found.append("weights_only= that is not True")
    if ("allow_pickle" in given or called in GUARDED) and _constant(given.get("allow_pickle")) is not False:
        found.append(f"{called}( without allow_pickle=False")
    return found


def _constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


OWN = {"liverseg/handover/exports.py": ["tf.saved_model.load("]}
"""Read back to be compared with the network, by the process that has just written them, before anybody else could."""


@pytest.mark.parametrize("package", PACKAGES)
def test_s03_no_source_loads_code_from_a_file(package: str) -> None:
    paths = sorted((ROOT / package).rglob("*.py"))
    assert paths
    found = {path.relative_to(ROOT).as_posix(): offences(path.read_text("utf-8")) for path in paths}
    assert {
        path: lines for path, lines in found.items() if [line.split(": ", 1)[1] for line in lines] != OWN.get(path, [])
    } == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "import ray.cloudpickle as c",
        "from ray import cloudpickle",
        "from joblib import load",
        "importlib.import_module('dill')",
        "torch.load(path)",
        "keras.saving.load_model(path)",
        "keras.saving.load_model(path, safe_mode=True)",
        "f(safe_mode=False)",
        "f(safe_mode=switch)",
        "tf.saved_model.load(path)",
        "pd.read_pickle(path)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.savez(path, x=1)",
        "f(allow_pickle=switch)",
        "yaml.load(text)",
        "YAML(typ='unsafe')",
        "YAML()",
        "eval(text)",
        "exec(text)",
        "compile(text, name, 'exec')",
    ],
)
def test_s03_the_check_sees_each_offence(line: str) -> None:
    assert offences(f"def f():\n    '''pickle, eval(x): only words'''\n{line}")


def test_s03_the_check_leaves_words_alone() -> None:
    text = "# import pickle, eval(x)\ndef f():\n    '''yaml.load(x)'''\n    return re.compile('pickle(')\n"
    assert offences(text + "np.load(path, allow_pickle=False)\nYAML(typ='safe', pure=True)\nmodel.load_weights") == []

"""The commands that repeat a sweep, and what they cannot promise."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sweeps.provenance.packages import NUMERICAL_PACKAGES

_LEARNING = frozenset({"tpe", "cmaes", "gp", "nsga2"})


def repetition(document: Mapping[str, Any], in_file: Mapping[str, Any] | None) -> dict[str, Any]:
    """Steps `{why, command}` in their order (a command may be None: to be done by hand), and notes.

    Args:
        document: the reproduction record.
        in_file: what `resolved.json` holds; None when there is no such file.
    """
    from sweeps.folder import free_name

    name = free_name(document["name"], Path(document["path"]).parent)
    steps = [
        *_program(document),
        *_packages(document["versions"]),
        *_variables(document["variables"]),
        _run(document, name, in_file),
        *_extensions(document, name),
    ]
    return {"steps": steps, "notes": list(_notes(document, in_file is not None))}


def _step(why: str, command: Sequence[str] | None) -> dict[str, Any]:
    return {"why": why, "command": None if command is None else shlex.join(command)}


def _program(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    then, now = document["git"]["program"]["then"], document["git"]["program"]["now"]
    if then and then["commit"]:
        if now and now["commit"] == then["commit"]:
            return []
        return [_step("the program as it was, in its own folder", ["git", "checkout", then["commit"]])]
    rows = [row for row in document["versions"] if row["name"] == "liversweep" and row["differs"]]
    return [_step(f"install version {row['then']} of liversweep", None) for row in rows]


def _packages(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    changed = {row["name"]: row["then"] for row in rows if row["differs"] and row["name"] in NUMERICAL_PACKAGES}
    python = changed.pop("python", None)
    steps = [_step(f"use Python {python}", None)] if python else []
    if changed:
        wanted = [f"{name}=={version}" for name, version in changed.items()]
        steps.append(_step("the packages that decide numbers, as they were", ["pip", "install", *wanted]))
    return steps


def _variables(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    steps = []
    for row in rows:
        if row["differs"] and row["then"] is None:
            steps.append(_step("was not set", ["unset", row["name"]]))
        elif row["differs"]:
            steps.append({"why": "was set", "command": f"export {row['name']}={shlex.quote(row['then'])}"})
    return steps


def _run(document: Mapping[str, Any], name: str, in_file: Mapping[str, Any] | None) -> dict[str, Any]:
    path = Path(document["path"])
    root = _root(path)
    if in_file is None:
        why = "the spec; options of the command line that changed it are not part of it"
        return _step(why, ["liversweep", "run", str(path / "sweep.yaml"), "--name", name, *root])
    command = ["liversweep", "run", str(path / "resolved.json"), "--name", name, *root]
    order, found = _architectures(document["resolved"]), _architectures(in_file)
    if list(order) != list(found):
        # the order decides which architecture is tried first, and a file may have lost it
        command += ["--set", f"search.architectures={json.dumps(order)}"]
    return _step("the same sweep: the spec with every default, seed and option of the command line", command)


def _root(path: Path) -> list[str]:
    """The option that names the folder of the sweeps, where it is not the usual one."""
    return [] if path.parent == Path("runs") else ["--runs", str(path.parent)]


def _architectures(resolved: Mapping[str, Any] | None) -> Mapping[str, Any]:
    found = ((resolved or {}).get("search") or {}).get("architectures")
    return found if isinstance(found, Mapping) else {}


def _extensions(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for event in document["history"]:
        if event["event"] != "extended":
            continue
        why = "then it was extended" + (f" ({event['note']})" if event.get("note") else "")
        space = f"space-{len(steps) + 1}.yaml"
        if event.get("space"):
            text = shlex.quote(json.dumps(event["space"]))
            steps.append({"why": "another space, as a file", "command": f"echo {text} > {space}"})
        command = ["liversweep", "extend", name, "--trials", str(int(event["trials"]) - int(event["before"]))]
        command += ["--epochs", str(event["epochs"])] if event.get("epochs") else []
        command += ["--space", space] if event.get("space") else []
        steps.append(_step(why, [*command, *_root(Path(document["path"]))]))
    return steps


def _notes(document: Mapping[str, Any], whole: bool) -> list[str]:
    """What the reader has to know to believe, or to doubt, that the repetition gives the same numbers."""
    resolved, git = document["resolved"] or {}, document["git"]["program"]["then"]
    search, root = resolved.get("search") or {}, (resolved.get("data") or {}).get("root")
    events = [event["event"] for event in document["history"]]
    notes = []
    if whole and root:
        data = document["fingerprints"]["data"] or "not recorded"
        notes.append(
            f"The scans are looked for in {root}; elsewhere, add --set data.root=FOLDER. Their fingerprint: {data}"
        )
    reviews = (resolved.get("data") or {}).get("reviews")
    if whole and reviews:
        notes.append(f"Corrected cases come from the reviews in {reviews}; elsewhere, add --set data.reviews=FOLDER.")
    if git and git["dirty"]:
        notes.append("The program's source was not as in its commit when the sweep was begun.")
    if document["code"]["differs"]:
        count = len(document["code"]["files"])
        notes.append(f"Source files that decide numbers and are different now: {count}.")
    if not document["packages"]["then"]:
        notes.append("This sweep comes from a version that recorded its main packages and little of the machine.")
    if "forked" in events:
        notes.append("It began with the results of other sweeps, which a new run does not know.")
    if "resumed" in events or "retried" in events:
        notes.append("It was interrupted or had trials repeated; trials may have been chosen with fewer results known.")
    if search.get("sampler") in _LEARNING or (search.get("scheduler") or {}).get("kind", "none") != "none":
        notes.append(
            "Where several trials run at a time, sampler and scheduler hear of results in the order in which trials end, "
            "and that order can be another."
        )
    notes.append(
        "Equal to the last digit only on the same kind of processor with as many threads; GPUs may differ in it."
    )
    return notes

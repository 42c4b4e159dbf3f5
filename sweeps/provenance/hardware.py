"""The machine that computes: processor, memory, GPUs. Nothing here fails; what cannot be found out is None."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

TIMEOUT_S = 10.0
NUMERICAL_FLAGS = frozenset(
    {
        "sse4_2",
        "avx",
        "avx2",
        "fma",
        "f16c",
        "avx_vnni",
        "avx512f",
        "avx512bw",
        "avx512dq",
        "avx512vl",
        "avx512_bf16",
        "avx512_fp16",
        "avx512_vnni",
        "amx_tile",
        "amx_bf16",
        "amx_int8",
        "asimd",
        "asimdhp",
        "bf16",
        "i8mm",
        "sve",
        "sve2",
    }
)
"""Instruction sets by which TensorFlow, oneDNN, NumPy or the C library choose the code that computes."""
_CPU_INFO = Path("/proc/cpuinfo")
_QUERY = ("name", "driver_version", "memory.total")


def cpu(info: Path = _CPU_INFO) -> dict[str, Any]:
    """Model, cores (physical, logical, usable by this process) and the instruction sets that matter for numbers."""
    import psutil

    facts = _cpu_facts(info)
    words = (facts.get("flags") or facts.get("features") or "").split()
    return {
        "model": facts.get("model name") or _named_by_system(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "flags": sorted(NUMERICAL_FLAGS.intersection(words)) if words else None,
    }


def gpus() -> list[dict[str, Any]] | None:
    """Name, driver and memory of each GPU that `nvidia-smi` lists; empty without that program, None when it fails."""
    command = ["nvidia-smi", f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits"]
    try:
        text = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, check=True
        ).stdout
    except FileNotFoundError:
        return []
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return [_gpu(line) for line in text.splitlines() if line.strip()]


def system() -> dict[str, Any]:
    """Operating system and C library, whose mathematical functions differ in the last digit from version to version."""
    try:
        release = platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        release = None
    return {
        "kernel": f"{platform.system()} {platform.release()}",
        "release": release,
        "libc": " ".join(_libc()) or None,
    }


def _libc() -> tuple[str, ...]:
    try:
        return tuple(part for part in platform.libc_ver() if part)
    except OSError:
        return ()


def _cpu_facts(info: Path) -> dict[str, str]:
    """The first processor of Linux' own list, by lower-case name; empty elsewhere."""
    try:
        first = info.read_text(errors="replace").split("\n\n", 1)[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _named_by_system() -> str | None:
    if platform.system() == "Darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
        except (OSError, subprocess.SubprocessError):
            return platform.processor() or None
        return done.stdout.strip() or None
    return platform.processor() or None


def _gpu(line: str) -> dict[str, Any]:
    # a name may hold a comma, the other two cannot
    name, driver, memory = (["", "", *line.rsplit(",", 2)])[-3:]
    mebibytes = memory.strip()
    return {
        "name": name.strip(),
        "driver": driver.strip(),
        "memory_bytes": int(mebibytes) * 1024**2 if mebibytes.isdigit() else None,
    }

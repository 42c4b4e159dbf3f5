"""The driver's library is asked in its own binary interface: against a library of the same functions, built here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from liverseg.errors import DeviceError
from liverseg.training.cuda import visible_cards_mib

SOURCE = """
#include <stddef.h>
static int begun = 0;
int cuInit(unsigned flags) { begun = flags == 0; return STATUS; }
int cuDeviceGetCount(int *count) { *count = 2; return begun ? 0 : 3; }
int cuDeviceGet(int *device, int number) { *device = 40 + number; return number < 2 ? 0 : 101; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    *bytes = device == 40 ? 84929347584ull : 8361672704ull;
    return device == 40 || device == 41 ? 0 : 101;
}
"""


def driver(folder: Path, status: int) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler to build a library with the driver's functions")
    library = folder / "libcuda.so"
    command = [compiler, "-shared", "-fPIC", f"-DSTATUS={status}", "-x", "c", "-o", str(library), "-"]
    subprocess.run(command, input=SOURCE, text=True, check=True)
    return str(library)


def test_every_card_tells_its_memory(tmp_path: Path) -> None:
    assert visible_cards_mib(driver(tmp_path, 0)) == (80_994, 7_974)


def test_a_driver_that_refuses_is_an_error_and_none_at_all_is_no_card(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"cuInit: the GPU's driver does not answer; got status 100; run nvidia-smi"):
        visible_cards_mib(driver(tmp_path, 100))
    assert visible_cards_mib(str(tmp_path / "absent.so")) == ()

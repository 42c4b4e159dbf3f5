from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from liverseg.training.native_bfloat16 import cpu_computes_bfloat16, emulated, gpus_compute_bfloat16


@pytest.mark.parametrize(
    ("line", "computes"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_tile amx_bf16", True),
        ("flags\t\t: fpu avx2 fma avx512f avx512bw", False),
        ("Features\t: fp asimd bf16 i8mm", True),
        ("Features\t: fp asimd asimdhp", False),
        ("model name\t: bf16 of the name", None),
        ("", None),
    ],
)
def test_the_processor_says_so(tmp_path: Path, line: str, computes: bool | None) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\n{line}\nbogomips\t: 1\n")
    assert cpu_computes_bfloat16(info) is computes


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert cpu_computes_bfloat16(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("details", "computes"),
    [
        ([], None),
        ([{}], None),
        ([{"compute_capability": (8, 0)}, {"compute_capability": (9, 0)}], True),
        ([{"compute_capability": (8, 0)}, {"compute_capability": (7, 5)}], False),
    ],
)
def test_every_card_must(monkeypatch: pytest.MonkeyPatch, details: list[dict[str, object]], computes: object) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(range(len(details))))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda index: details[index])
    assert gpus_compute_bfloat16() is computes


def test_only_emulation_is_worth_a_word() -> None:
    assert emulated(True) is None and emulated(None) is None
    assert "mixed_precision gains no speed" in str(emulated(False))

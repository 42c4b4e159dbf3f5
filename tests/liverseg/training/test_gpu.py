"""A training's part of a GPU: the arithmetic, what TensorFlow is told and asked, and, where there is a GPU, that it holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.errors import DeviceError
from liverseg.training import gpu as module
from liverseg.training.cuda import visible_cards_mib
from liverseg.training.gpu import CONTEXT_MIB, LEAST_MIB, cap_mib, limit_gpu, read_caps

CARD_MIB = 81_559


class RecordingConfig:
    """`tf.config` with so many GPUs, as TensorFlow behaves: what is set before the start is kept, later it raises."""

    def __init__(self, gpus: int = 1, *, started: bool = False, deaf: bool = False) -> None:
        self.gpus = [f"GPU:{number}" for number in range(gpus)]
        self.started, self.deaf = started, deaf
        self.parts: dict[str, list[Any]] = {}
        self.growing: dict[str, bool] = {}
        self.calls: list[str] = []
        self.experimental = SimpleNamespace(
            get_memory_growth=lambda gpu: self.growing.get(gpu, False), set_memory_growth=self._grow
        )

    def LogicalDeviceConfiguration(self, memory_limit: int) -> Any:
        return SimpleNamespace(memory_limit=memory_limit)

    def list_physical_devices(self, kind: str) -> list[str]:
        assert kind == "GPU"
        return self.gpus

    def get_logical_device_configuration(self, gpu: str) -> list[Any] | None:
        return self.parts.get(gpu)

    def set_logical_device_configuration(self, gpu: str, parts: list[Any]) -> None:
        self.calls.append(f"limit {gpu}")
        if self.started:
            raise RuntimeError("Virtual devices cannot be modified after being initialized")
        if not self.deaf:
            self.parts[gpu] = parts

    def list_logical_devices(self, kind: str) -> list[str]:
        self.started = True
        return self.gpus

    def _grow(self, gpu: str, wanted: bool) -> None:
        self.calls.append(f"grow {gpu}")
        if self.started:
            raise RuntimeError("Physical devices cannot be modified after being initialized")
        if gpu in self.parts:
            raise ValueError("Cannot set memory growth on device when virtual devices configured")
        self.growing[gpu] = wanted


def limit(config: RecordingConfig, share: float, *totals: int) -> int | None:
    return module._limit_tensorflow(config, share, lambda: totals or (CARD_MIB,))


@given(st.integers(8_192, 200_000), st.integers(1, 6))
def test_trials_that_share_a_card_take_no_more_than_it_has(total: int, count: int) -> None:
    cap = cap_mib(total, 1 / count - 1e-9)
    assert cap >= LEAST_MIB or count == 6
    assert count * (cap + CONTEXT_MIB) <= total < count * (cap + CONTEXT_MIB + 1) + count


def test_a_part_too_small_for_cuda_itself_is_refused_with_what_would_do() -> None:
    assert cap_mib(8192, 0.25) == 2048 - CONTEXT_MIB
    with pytest.raises(
        DeviceError, match=r"0\.1 of 8,192 MiB; allowed: at least 1,280 MiB.*give at least 0\.16"
    ) as caught:
        cap_mib(8192, 0.1)
    assert caught.value.kind == "crash"
    assert cap_mib(8192, 0.16) >= LEAST_MIB


def test_a_quarter_is_capped_before_the_start_and_read_back_after_it() -> None:
    config = RecordingConfig(gpus=2)
    assert limit(config, 0.25) == CARD_MIB // 4 - CONTEXT_MIB
    assert config.started and config.calls == ["limit GPU:0"]
    assert read_caps(config, "GPU:0") == [CARD_MIB // 4 - CONTEXT_MIB] and read_caps(config, "GPU:1") == []
    # The next trial of the same process.
    assert limit(config, 0.25) == CARD_MIB // 4 - CONTEXT_MIB
    assert config.calls == ["limit GPU:0"]


def test_another_part_in_the_same_process_is_refused() -> None:
    config = RecordingConfig()
    limit(config, 0.25)
    with pytest.raises(
        DeviceError, match=rf"already.*got {CARD_MIB // 4 - CONTEXT_MIB} MiB; allowed: \d+ MiB; begin a fresh"
    ):
        limit(config, 0.5)
    with pytest.raises(DeviceError, match="already with a limit"):
        limit(config, 1)


def test_tensorflow_that_began_without_a_limit_is_refused() -> None:
    with pytest.raises(DeviceError, match="another limit of the GPU's memory; got no limit"):
        limit(RecordingConfig(started=True), 0.25)


def test_a_limit_that_does_not_hold_is_an_error() -> None:
    with pytest.raises(DeviceError, match=r"does not hold; got \[\] MiB on 1 logical GPUs"):
        limit(RecordingConfig(deaf=True), 0.25)


@pytest.mark.parametrize("share", [1.0, 2.0])
def test_whole_cards_grow_as_they_are_needed_and_have_no_limit(share: float) -> None:
    config = RecordingConfig(gpus=2)
    assert limit(config, share) is None
    assert config.growing == {"GPU:0": True, "GPU:1": True} and not config.parts and not config.started
    config.list_logical_devices("GPU")
    assert limit(config, share) is None, "the next trial of the same process"


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_no_visible_gpu_is_an_error_and_no_quiet_training_on_the_cpu(share: float) -> None:
    with pytest.raises(DeviceError, match=rf"given {share:g} of a GPU, and TensorFlow sees none.*trial\.gpus: 0"):
        limit(RecordingConfig(gpus=0), share)


def test_a_card_of_unknown_size_is_an_error() -> None:
    with pytest.raises(DeviceError, match="no driver tells how large"):
        module._limit_tensorflow(RecordingConfig(), 0.25, tuple)


def test_without_a_gpu_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: pytest.fail("asked"))
    assert limit_gpu(0.0) is None


def test_torch_is_held_to_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [1.0]
    cuda = SimpleNamespace(
        set_per_process_memory_fraction=lambda part, device: parts.append(part),
        get_per_process_memory_fraction=lambda device: parts[-1],
    )
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert limit_gpu(0.25, lambda: (40_000,)) == 10_000 - CONTEXT_MIB
    assert parts[-1] == pytest.approx((10_000 - CONTEXT_MIB) / 40_000)
    cuda.get_per_process_memory_fraction = lambda device: 1.0
    with pytest.raises(DeviceError, match="does not hold"):
        limit_gpu(0.25, lambda: (40_000,))


def test_jax_is_held_to_its_part_before_it_takes_up_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    monkeypatch.setitem(sys.modules, "jax._src.xla_bridge", SimpleNamespace(_backends={}))
    assert limit_gpu(0.5, lambda: (10_240,)) == 4096
    assert os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.400000"
    monkeypatch.setitem(sys.modules, "jax._src.xla_bridge", SimpleNamespace(_backends={"cuda": 1}))
    assert limit_gpu(0.5, lambda: (10_240,)) == 4096, "the same once more"
    with pytest.raises(DeviceError, match=r"JAX runs.*got 0\.400000"):
        limit_gpu(0.75, lambda: (10_240,))


REAL = """
import json, sys
import tensorflow as tf
from liverseg.errors import DeviceError
from liverseg.training.gpu import read_caps, limit_gpu
cpu = tf.config.list_physical_devices("CPU")[0]
found = {"before": read_caps(tf.config, cpu)}
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(2)])
found["set"] = read_caps(tf.config, cpu)
found["logical"] = len(tf.config.list_logical_devices("CPU"))
found["after"] = read_caps(tf.config, cpu)
found["capped"] = read_caps(type("C", (), {"get_logical_device_configuration": staticmethod(
    lambda device: [tf.config.LogicalDeviceConfiguration(memory_limit=512)])}), cpu)
try:
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()])
except RuntimeError as error:
    found["late"] = str(error)
try:
    limit_gpu(0.25, lambda: (81_559,))
except DeviceError as error:
    found["error"] = str(error)
print(json.dumps(found))
"""


def run(script: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def test_the_real_tensorflow_reads_back_what_was_set_and_refuses_changes_once_it_runs() -> None:
    found = run(REAL, CUDA_VISIBLE_DEVICES="-1")
    assert found["before"] == [] and found["set"] == found["after"] == [None, None] and found["logical"] == 2
    assert found["capped"] == [512]
    assert "cannot be modified after being initialized" in found["late"]
    assert "TensorFlow sees none" in found["error"]


ON_A_GPU = """
import json
import tensorflow as tf
from liverseg.errors import DeviceError, MemoryExceeded
from liverseg.training.cuda import visible_cards_mib
from liverseg.training.device import memory_errors
from liverseg.training.gpu import limit_gpu, read_caps
total = visible_cards_mib()[0]
cap = limit_gpu(0.25)
gpu = tf.config.list_physical_devices("GPU")[0]
found = {"total": total, "cap": cap, "again": limit_gpu(0.25), "read": read_caps(tf.config, gpu)}
try:
    with memory_errors("too much"), tf.device("GPU:0"):
        tf.zeros((cap + 64, 1024, 256)) + 1.0
except MemoryExceeded as error:
    found["oom"] = str(error)
try:
    limit_gpu(0.5)
except DeviceError as error:
    found["other"] = str(error)
print(json.dumps(found))
"""


@pytest.mark.skipif(not visible_cards_mib(), reason="needs an NVIDIA GPU and a TensorFlow that sees it: none is here")
def test_on_a_real_gpu_a_quarter_holds_and_more_than_that_is_want_of_memory() -> None:
    found = run(ON_A_GPU)
    assert found["cap"] == found["again"] == found["total"] // 4 - CONTEXT_MIB and found["read"] == [found["cap"]]
    assert "ran out of the GPU's memory" in found["oom"] and "another limit" in found["other"]

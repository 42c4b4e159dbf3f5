"""Environment variables that may change numbers or speed: an allow-list of whole names, never of beginnings."""

from __future__ import annotations

import os
from collections.abc import Mapping

ALLOWED = frozenset(
    {
        # threads: the order of a sum changes its last digits
        "OMP_NUM_THREADS",
        "OMP_DYNAMIC",
        "OMP_PLACES",
        "OMP_PROC_BIND",
        "KMP_AFFINITY",
        "KMP_BLOCKTIME",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        # instruction sets and precision
        "TF_ENABLE_ONEDNN_OPTS",
        "ONEDNN_MAX_CPU_ISA",
        "ONEDNN_DEFAULT_FPMATH_MODE",
        "DNNL_MAX_CPU_ISA",
        "DNNL_DEFAULT_FPMATH_MODE",
        "MKL_CBWR",
        "MKL_ENABLE_INSTRUCTIONS",
        "OPENBLAS_CORETYPE",
        "NPY_DISABLE_CPU_FEATURES",
        "NPY_ENABLE_CPU_FEATURES",
        "GLIBC_TUNABLES",
        "NVIDIA_TF32_OVERRIDE",
        "CUBLAS_WORKSPACE_CONFIG",
        # determinism and compilation
        "TF_DETERMINISTIC_OPS",
        "TF_CUDNN_DETERMINISTIC",
        "TF_CUDNN_USE_AUTOTUNE",
        "TF_CUDNN_USE_FRONTEND",
        "TF_XLA_FLAGS",
        "XLA_FLAGS",
        "PYTHONHASHSEED",
        "PYTHONOPTIMIZE",
        # which framework, which device
        "KERAS_BACKEND",
        "TF_USE_LEGACY_KERAS",
        "CUDA_VISIBLE_DEVICES",
        "CUDA_DEVICE_ORDER",
        "NVIDIA_VISIBLE_DEVICES",
        "TF_FORCE_GPU_ALLOW_GROWTH",
        "TF_GPU_ALLOCATOR",
        "TF_GPU_THREAD_MODE",
        "TF_GPU_THREAD_COUNT",
    }
)


def variables(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """Those of the allowed variables that are set, sorted by name.

    Args:
        source: names and values; the environment of this process when left out.
    """
    values = os.environ if source is None else source
    return {name: values[name] for name in sorted(ALLOWED) if name in values}

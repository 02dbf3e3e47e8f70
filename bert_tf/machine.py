"""Describes the machine of a measurement, and measures its fastest matrix product."""

import functools
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np
import tensorflow as tf

_SIZE = 2048
_REPEATS, _MEASUREMENTS = 3, 6
_HOPELESS = 4  # times the memory of the machine
_PACKAGES = ("tensorflow", "tensorflow-text", "keras", "numpy")
# Not all of TF_: Terraform's TF_VAR_ and TF_TOKEN_ may hold secrets.
_OF_TENSORFLOW = ("CPP_", "NUM_", "ENABLE_", "DISABLE_", "DETERMINISTIC", "USE_", "FORCE_", "FP16_")
_OF_TENSORFLOW += ("XLA_", "MKL_", "CUDNN_", "GPU_")
_VARIABLES = tuple("TF_" + name for name in _OF_TENSORFLOW)
_VARIABLES += ("XLA_", "OMP_", "KMP_", "MKL_", "ONEDNN_", "DNNL_", "CUDA_VISIBLE", "LD_PRE")


def describe_machine() -> dict[str, Any]:
    """Processor, memory, versions, thread settings and load, for the JSON file."""
    return {
        "cpu": _cpu_model(),
        "cpu_features": _cpu_features(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_bytes": _memory_bytes(),
        "accelerators": [
            tf.config.experimental.get_device_details(device).get("device_name", device.name)
            for device in tf.config.list_physical_devices()
            if device.device_type != "CPU"
        ],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "environment": {k: v for k, v in sorted(os.environ.items()) if k.startswith(_VARIABLES)},
        "load_average": list(os.getloadavg()),
    }


def describe_run() -> dict[str, Any]:
    """The part of `describe_machine` that can change the last digits of a number."""
    machine = describe_machine()
    del machine["load_average"], machine["memory_bytes"]
    return machine


def summary(machine: dict[str, Any]) -> str:
    """The description in one line."""
    load = ", ".join(f"{value:.2f}" for value in machine["load_average"])
    threads = f"{machine['intra_op_threads']}/{machine['inter_op_threads']} (0: all cores)"
    return (
        f"{machine['cpu']}, {machine['usable_cores']} cores, tensorflow "
        f"{machine['versions']['tensorflow']}, keras {machine['versions']['keras']}, "
        f"intra/inter-op threads {threads}, load average {load}"
    )


def matmul_rate(dtype: str, size: int = _SIZE) -> Callable[[], float]:
    """Measures products of two matrices [size, size] in `dtype`: FLOP/s, the best of three."""
    a, b = tf.cast(np.random.default_rng(0).standard_normal((2, size, size)), dtype)
    product = tf.function(lambda: tf.reduce_sum(tf.linalg.matmul(a, b)[:1]), autograph=False)

    def once() -> float:
        start = time.perf_counter()
        product().numpy()
        return 2 * size**3 / (time.perf_counter() - start)

    return lambda: max(once() for _ in range(_REPEATS))


@functools.cache
def matmul_ceiling(dtype: str) -> float:
    """FLOP/s of one device of this process, measured once; MFU is a share of it.

    The matrices are small on a CPU, where a product takes a fraction of a second, and large on
    devices with a launch cost. It is the best of several, because other programs can run.
    """
    accelerated = any(device.device_type != "CPU" for device in tf.config.list_logical_devices())
    measure = matmul_rate(dtype, 8192 if accelerated else 1024)
    return max(measure() for _ in range(_MEASUREMENTS))


def check_memory(needed: float, what: str, advice: str) -> None:
    """Refuses what this machine can never hold.

    Args:
      needed: bytes; an estimate.
      what: needs them; begins the message.
      advice: ends it.

    Raises:
      ValueError: `needed` is so many times the memory of this machine that no estimate is that far
        off.
    """
    there = _memory_bytes()
    if there is not None and needed > _HOPELESS * there:
        raise ValueError(
            f"{what} would run out of memory: it needs about {needed / 1e9:,.0f} GB on a replica, "
            f"this machine has {there / 1e9:,.0f} GB. {advice}"
        )


def _cpu_model() -> str:
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def _cpu_features() -> list[str]:
    """The features that decide the speed of matrix products."""
    flags = _cpuinfo().get("flags", "").split()
    return [flag for flag in flags if flag.startswith(("avx", "amx", "fma"))]


def _cpuinfo() -> dict[str, str]:
    """The entry of the first processor on Linux; empty elsewhere."""
    if not sys.platform.startswith("linux"):
        return {}
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        first = file.read().split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _memory_bytes() -> int | None:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

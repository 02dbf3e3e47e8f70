"""Imports TensorFlow and Keras the fast and quiet way, for commands.

A notebook that imports bert_tf gets Keras as it is.
"""

import contextlib
import ctypes
import gc
import glob
import os
import resource
import sys
import threading
from collections.abc import Iterator

# absl::SetMinLogLevel(absl::LogSeverityAtLeast), of the absl in TensorFlow 2.20
_SET_MIN_LOG_LEVEL = "_ZN4absl12lts_2025012714SetMinLogLevelENS0_18LogSeverityAtLeastE"
# Keras imports these if they are installed: for a wrapper of itself, pictures, and tables in `fit`.
FOR_KERAS = ("sklearn", "matplotlib", "cv2", "pandas")
_LEAST_ADDRESSES = 3 << 30  # bytes; measured on two cores: with 2.6 GB pretrain.py cannot start
_LEAST_THREADS = 16  # TensorFlow has some pools of a thread a core, OpenBLAS one
# Objects that are made between two collections of garbage; Python's 700 is for smaller programs.
_GARBAGE_THRESHOLD = 50_000


def import_keras() -> None:
    """Imports TensorFlow and Keras, without what only functions of Keras need that nobody calls.

    They would take a quarter of the start of every script. What imports them by itself later, a
    plot of a report for example, finds them.
    """
    _check_limits()
    if "keras" not in sys.modules:
        with _hidden(*FOR_KERAS), _without_collections():
            import keras  # noqa: F401
    _quiet_cpp()


def _check_limits() -> None:
    """Raises ValueError if the process may not have what TensorFlow needs to start.

    TensorFlow and OpenBLAS then abort, hang, or interrupt the process.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < _LEAST_ADDRESSES:
        raise ValueError(
            f"the address space of this process is limited to {limit / 2**30:.2f} GB, and "
            f"TensorFlow needs {_LEAST_ADDRESSES >> 30} GB to start. Raise it: ulimit -v unlimited."
        )
    stop, threads = threading.Event(), []
    try:
        for _ in range(_LEAST_THREADS):
            threads.append(threading.Thread(target=stop.wait, daemon=True))
            threads[-1].start()
    except RuntimeError as error:
        raise ValueError(
            f"no more than {len(threads) - 1} threads can be started, and TensorFlow needs at "
            f"least {_LEAST_THREADS}. Raise the limit: ulimit -u, or that of the container."
        ) from error
    finally:
        stop.set()


def _quiet_cpp() -> None:
    """Silences what TensorFlow's C++ logs as information through absl, such as XLA's first use.

    TF_CPP_MIN_LOG_LEVEL does not reach those lines, and TensorFlow has no function in Python that
    does. Warnings and errors stay, and TF_CPP_MIN_LOG_LEVEL=0 shows all. A TensorFlow without this
    function goes on as loud as it is.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        return
    import tensorflow as tf

    folder = os.path.dirname(tf.__file__)
    for library in glob.glob(os.path.join(folder, "libtensorflow_framework.*")):
        with contextlib.suppress(OSError, AttributeError):
            set_level = ctypes.CDLL(library)[_SET_MIN_LOG_LEVEL]
            set_level.argtypes, set_level.restype = [ctypes.c_int], None
            set_level(1)  # warnings


@contextlib.contextmanager
def _hidden(*modules: str) -> Iterator[None]:
    """Context in which the import of modules fails, unless they are already imported."""
    hidden = [module for module in modules if module not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for module in hidden:
            del sys.modules[module]


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Context for making objects that stay: Python does not search them for garbage, now or later.

    Afterwards it searches less often. Tracing, too, makes millions of objects that stay, and to
    look through all of them again and again takes a tenth of a short run.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD, *gc.get_threshold()[1:])

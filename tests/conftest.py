"""What holds for every test: four logical CPU devices, which stand in for GPUs; signals; order;
garbage collection."""

import gc
import os
import pathlib
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

(_CPU,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(_CPU, [tf.config.LogicalDeviceConfiguration()] * 4)

# A shell starts its background jobs with SIGINT ignored, and so would be every script that a test
# starts: what is ignored stays ignored in a child.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tracing makes millions of objects that stay. Looking through all of them again and again takes a
# tenth of the tests' time.
gc.freeze()
gc.set_threshold(50_000, 10, 10)

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "scripts"))  # for `benchmarks`

_SLOW = ("tests/scripts/", "tests/training/", "tests/family/")


def pytest_collection_modifyitems(items):
    """Folders of long tests first: then no process is left with one when the others have ended."""
    items.sort(key=lambda item: not item.nodeid.startswith(_SLOW))

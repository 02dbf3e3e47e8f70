"""Four logical CPU devices for the whole test process: they stand in for GPUs. And which tests
come first."""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

(_CPU,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(_CPU, [tf.config.LogicalDeviceConfiguration()] * 4)

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "scripts"))  # for `benchmarks`

_SLOW = ("tests/scripts/", "tests/training/")


def pytest_collection_modifyitems(items):
    """Folders of long tests first: then no process is left with one when the others have ended."""
    items.sort(key=lambda item: not item.nodeid.startswith(_SLOW))

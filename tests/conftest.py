"""Two logical CPU devices for the whole process, so that replicas can be tested on one machine.

They must be there before TensorFlow starts its devices, which the first tensor of any test does.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def two_replicas():
    """The one MirroredStrategy of the process, on both devices.

    A second one would begin to number its all-reduces anew, and TensorFlow would take them for
    those of the first ("Shape mismatch in the collective instance").
    """
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

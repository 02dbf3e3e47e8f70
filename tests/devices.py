"""The strategies that tests share.

All MirroredStrategies of a process number their collectives from the same start, so two of them on
the same devices would take part in each other's: there is one for two replicas. Four replicas are
reduced without collectives.
"""

import functools

import tensorflow as tf


@functools.cache
def strategy_of(replicas: int) -> tf.distribute.Strategy:
    """One device, or `replicas` of the logical CPU devices that conftest.py makes."""
    if replicas == 1:
        return tf.distribute.OneDeviceStrategy("/cpu:0")
    devices = [f"/cpu:{index}" for index in range(replicas)]
    reduction = None if replicas == 2 else tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)

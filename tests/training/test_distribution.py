"""Strategies by name: what a run is told of the devices that it gets."""

import logging as std_logging

import pytest
import tensorflow as tf

from bert_tf.training import distribution


def test_mirrored_with_one_device_says_so_and_how_to_try_more(monkeypatch, caplog):
    one = tf.distribute.OneDeviceStrategy("/cpu:0")
    monkeypatch.setattr(distribution, "_make", lambda name, tpu: one)
    with caplog.at_level(std_logging.WARNING, logger="absl"):
        distribution.make_strategy("mirrored")
        distribution.make_strategy("one_device")
    (message,) = [record.getMessage() for record in caplog.records]
    assert "found one device" in message and "--num_logical_devices=2" in message


def test_devices_that_are_in_use_are_not_divided():
    tf.constant(0)  # uses them
    with pytest.raises(ValueError, match="--num_logical_devices: .*initialized"):
        distribution.divide_cpu(3)


def test_an_unknown_strategy_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match="unknown strategy 'two'. Known: auto, one_device"):
        distribution.make_strategy("two")

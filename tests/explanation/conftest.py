"""What tests of tiny models share."""

import pytest
import tensorflow as tf


@pytest.fixture(scope="module")
def eagerly():
    """Making the graph of a tiny model takes longer than running it."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)

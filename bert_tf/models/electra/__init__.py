"""ELECTRA (Clark et al. 2020). Importing it needs neither TensorFlow nor Keras."""

from typing import Any

from bert_tf.models.electra.checkpoint_names import CHECKPOINT_NAMES
from bert_tf.models.electra.config import ElectraConfig

Config = ElectraConfig

__all__ = ["CHECKPOINT_NAMES", "Config", "ElectraConfig", "ElectraEncoder"]


def __getattr__(name: str) -> Any:
    if name == "ElectraEncoder":
        return ElectraConfig.encoder_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

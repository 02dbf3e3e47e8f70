"""RoBERTa (Liu et al. 2019). Importing it needs neither TensorFlow nor Keras."""

from typing import Any

from bert_tf.models.roberta.checkpoint_names import CHECKPOINT_NAMES
from bert_tf.models.roberta.config import RobertaConfig

Config = RobertaConfig

__all__ = ["CHECKPOINT_NAMES", "Config", "RobertaConfig", "RobertaEncoder"]


def __getattr__(name: str) -> Any:
    if name == "RobertaEncoder":
        return RobertaConfig.encoder_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

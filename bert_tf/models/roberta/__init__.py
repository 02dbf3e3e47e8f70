"""RoBERTa (Liu et al. 2019). Importing it needs neither TensorFlow nor Keras."""

from bert_tf.models.model import imported_on_use
from bert_tf.models.roberta.checkpoint_names import CHECKPOINT_NAMES
from bert_tf.models.roberta.config import RobertaConfig

Config = RobertaConfig

__all__ = ["CHECKPOINT_NAMES", "Config", "RobertaConfig", "RobertaEncoder"]

__getattr__ = imported_on_use("RobertaEncoder", RobertaConfig)

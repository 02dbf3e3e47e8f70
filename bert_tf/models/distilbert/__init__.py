"""DistilBERT (Sanh et al. 2019). Importing it needs neither TensorFlow nor Keras."""

from bert_tf.models.distilbert.checkpoint_names import CHECKPOINT_NAMES
from bert_tf.models.distilbert.config import DistilBertConfig
from bert_tf.models.model import imported_on_use

Config = DistilBertConfig

__all__ = ["CHECKPOINT_NAMES", "Config", "DistilBertConfig", "DistilBertEncoder"]

__getattr__ = imported_on_use("DistilBertEncoder", DistilBertConfig)

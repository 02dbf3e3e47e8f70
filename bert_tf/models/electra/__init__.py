"""ELECTRA (Clark et al. 2020). Importing it needs neither TensorFlow nor Keras."""

from bert_tf.models.electra.checkpoint_names import CHECKPOINT_NAMES
from bert_tf.models.electra.config import ElectraConfig
from bert_tf.models.model import imported_on_use

Config = ElectraConfig

__all__ = ["CHECKPOINT_NAMES", "Config", "ElectraConfig", "ElectraEncoder"]

__getattr__ = imported_on_use("ElectraEncoder", ElectraConfig)

"""The settings of a run. A config file sets them, and the command line overrides them."""

from bert_tf.config.as_json import from_dict, from_json, to_dict, to_json
from bert_tf.config.distillation import DistillationConfig, DistillConfig
from bert_tf.config.experiment import (
    DTYPES,
    OPTIMIZERS,
    SCHEDULES,
    BertConfig,
    DataConfig,
    ExperimentConfig,
    OptimizerConfig,
    TaskConfig,
    TrainConfig,
)
from bert_tf.config.phases import PhaseConfig
from bert_tf.config.quantization import QuantizationConfig

__all__ = [
    "DTYPES",
    "OPTIMIZERS",
    "SCHEDULES",
    "BertConfig",
    "DataConfig",
    "DistillConfig",
    "DistillationConfig",
    "ExperimentConfig",
    "OptimizerConfig",
    "PhaseConfig",
    "QuantizationConfig",
    "TaskConfig",
    "TrainConfig",
    "from_dict",
    "from_json",
    "to_dict",
    "to_json",
]

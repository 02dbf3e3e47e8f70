"""The Keras models of tasks: any encoder, and heads."""

from typing import Any

import keras
import tensorflow as tf

from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.config.task import Facts
from bert_tf.layers.quantization import with_ranges
from bert_tf.models.encoder import Encoder
from bert_tf.models.keras_files import register
from bert_tf.models.model import EncoderConfig


class TaskModel(keras.Model):
    """A Keras model made from settings and facts, which are also what `get_config` returns.

    Args:
      config: the settings.
      facts: the facts of the data; None: only the facts in the settings.
      name: of the model.
    """

    def __init__(self, config: ExperimentConfig, facts: Facts | None = None, *, name: str):
        super().__init__(name=name, dtype=config.train.dtype)
        self.config = config
        self.facts = config.task.given_facts(config.data) if facts is None else facts

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        register(cls)

    def get_config(self):
        """Everything that `from_config` needs, for JSON."""
        return {
            "config": as_json.to_dict(self.config),
            "facts": as_json.to_dict(self.facts),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model of what `get_config` returned."""
        settings = as_json.from_dict(ExperimentConfig, config["config"], where=cls.__name__)
        facts = as_json.from_dict(settings.task.FACTS, config["facts"], where=cls.__name__)
        with with_ranges(settings.quantization.is_on):
            return cls(settings, facts, name=config["name"])


def make_encoder(
    config: ExperimentConfig, model: EncoderConfig | None = None, **options: Any
) -> Encoder:
    """Makes an encoder for a run.

    Args:
      config: of the run.
      model: the config of the encoder, if it is not `config.model`.
      **options: other arguments of the encoder, for example its `name`.
    """
    model = config.model if model is None else model
    policy = {"dtype": config.train.dtype, "recompute": config.train.recompute}
    return model.encoder_class()(model, **policy, **options)


def encoder_inputs(batch: dict[str, tf.Tensor], config: EncoderConfig) -> dict[str, tf.Tensor]:
    """The tensors of the batch that the encoder of this config takes.

    Every encoder takes `word_vectors`, see `Encoder`; only explanations put them into a batch.
    """
    return {name: batch[name] for name in (*config.inputs, "word_vectors") if name in batch}

"""The start of any run: initial weights, config and devices."""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from bert_tf import initial_weights, model_folder
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.recipes import recipe
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.training import distribution
from bert_tf.training.loop import Session


@dataclasses.dataclass(frozen=True)
class Start:
    """The initial weights and the tokenizer of a run.

    Attributes:
      checkpoint: a model folder, work directory or checkpoint of another project; None: random
        weights.
      vocab_file: vocab.txt or the folder of a tokenizer, if neither checkpoint nor data has one.
      model_settings: {name: text}, the settings of the checkpoint's model on the command line.
    """

    checkpoint: str | None = None
    vocab_file: str | None = None
    model_settings: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def with_model(self, config: ExperimentConfig) -> ExperimentConfig:
        """The config, with the checkpoint's model if there is a checkpoint."""
        if not self.checkpoint:
            return config
        model = initial_weights.config_of_checkpoint(
            self.checkpoint, config.model, self.model_settings
        )
        return dataclasses.replace(config, model=model)

    def tokenizer(self) -> Tokenizer | None:
        """The tokenizer of the checkpoint or the vocabulary file; None without both."""
        place = self.checkpoint or self.vocab_file
        return model_folder.load_tokenizer(place) if place else None

    @property
    def identity(self) -> str:
        """The identity of the weights, for the checkpoints of the run."""
        return initial_weights.identity(self.checkpoint)


def config_of(config: ExperimentConfig | str) -> ExperimentConfig:
    """A config, or the config of the recipe with this name.

    Raises:
      ValueError: there is no such recipe.
    """
    return recipe(config) if isinstance(config, str) else config


def with_devices(session: Session) -> Session:
    """The session with a strategy; by default one for the existing devices."""
    if isinstance(session.strategy, tf.distribute.Strategy):
        return session
    strategy = distribution.make_strategy(session.strategy or "auto")
    return dataclasses.replace(session, strategy=strategy)

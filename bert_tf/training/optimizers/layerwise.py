"""How fast each part of an encoder moves: layer-wise learning rates, freezing, unfreezing."""

import dataclasses
from collections.abc import Callable, Mapping

import keras
import tensorflow as tf
from absl import logging

from bert_tf.config.experiment import OptimizerConfig
from bert_tf.training.optimizers.places import Place, places_of


@dataclasses.dataclass(frozen=True)
class Pace:
    """When and how fast a weight moves.

    Attributes:
      factor: of the learning rate.
      release: finished optimizer steps after which it moves.
      is_frozen: it never does.
    """

    factor: float = 1.0
    release: int = 0
    is_frozen: bool = False

    def choose(self, step: tf.Tensor, moving: tf.Tensor, held: tf.Tensor) -> tf.Tensor:
        """`moving` if the weight moves after `step` finished steps, else `held`."""
        return tf.where(step >= self.release, moving, held) if self.release else moving

    def number_of_update(self, step: tf.Tensor) -> tf.Tensor:
        """The number, from 1, of the weight's own update that follows `step` finished steps.

        Its slots begin at its release, and so does their bias correction.
        """
        return tf.maximum(step - self.release, 0) + 1


def pace_of_weights(config: OptimizerConfig, places: Mapping[str, Place]) -> dict[str, Pace]:
    """{path: Pace} of the weights at `places`, as `config` wants it.

    The rate of a part is `layer_decay` times that of the part above it (Clark et al. 2020, section
    3.1; Howard and Ruder 2018, section 3.2, "discriminative fine-tuning"). With `unfreeze_every`,
    the heads train first, and after each so many steps one part more, from the top (Howard and
    Ruder 2018, section 3.3). Blocks that share their weights count as one.

    Raises:
      ValueError: more frozen blocks than there are.
    """
    num_blocks = max((place.num_blocks for place in places.values()), default=0)
    if config.num_frozen_layers > num_blocks:
        raise ValueError(
            f"optimizer.num_frozen_layers is {config.num_frozen_layers}, but the model has "
            f"{num_blocks} layers with weights of their own."
        )
    return {path: _pace(config, place) for path, place in places.items()}


def _pace(config: OptimizerConfig, place: Place) -> Pace:
    is_frozen = {
        "embeddings": config.freeze_embeddings,
        "block": place.depth <= config.num_frozen_layers,
    }
    return Pace(
        factor=config.layer_decay**place.below_top,
        release=config.unfreeze_every * place.below_top,
        is_frozen=is_frozen.get(place.kind, False),
    )


def keep_top_random(
    initialize: Callable[[keras.Model], None] | None, num_layers: int
) -> Callable[[keras.Model], None] | None:
    """`initialize`, but the `num_layers` top blocks and the pooler keep the weights they have.

    Reference: Zhang et al. 2021, "Revisiting few-sample BERT fine-tuning", section 5.
    """
    if initialize is None or not num_layers:
        return initialize

    def initialize_below(model: keras.Model) -> None:
        places = places_of(model)
        top = [weight for weight in model.weights if _is_in_top(places[weight.path], num_layers)]
        values = [weight.numpy() for weight in top]
        initialize(model)
        for weight, value in zip(top, values, strict=True):
            weight.assign(value)
        paths = ", ".join(weight.path for weight in top)
        logging.info("%d variables stay random: %s", len(top), paths)

    return initialize_below


def _is_in_top(place: Place, num_layers: int) -> bool:
    """Whether a weight is in the pooler, or in one of the `num_layers` top blocks."""
    return place.kind == "pooler" or (place.kind == "block" and place.below_top <= num_layers)

"""Layer-wise learning rates, freezing and gradual unfreezing of an encoder's parts."""

import dataclasses
from collections.abc import Callable, Mapping

import keras
import tensorflow as tf
from absl import logging

from bert_tf.config.experiment import OptimizerConfig
from bert_tf.layers import roles
from bert_tf.listed_names import in_short
from bert_tf.training.optimizers.places import Place, places_of

# The ends of a range are numbers like 10, and Adam moves every number by about the rate: at 2e-5 a
# short fine-tuning would not move them at all.
_RATE_OF_RANGES = 100.0


@dataclasses.dataclass(frozen=True)
class Pace:
    """When and how fast a weight moves.

    Attributes:
      factor: multiplies the learning rate.
      release: number of finished optimizer steps after which the weight moves.
      is_frozen: the weight never moves.
    """

    factor: float = 1.0
    release: int = 0
    is_frozen: bool = False

    def choose(self, step: tf.Tensor, moving: tf.Tensor, held: tf.Tensor) -> tf.Tensor:
        """`moving` if the weight moves after `step` finished steps, otherwise `held`."""
        return tf.where(step >= self.release, moving, held) if self.release else moving

    def number_of_update(self, step: tf.Tensor) -> tf.Tensor:
        """The number of the weight's next update after `step` finished steps, from 1.

        Slots, and their bias correction, begin when the weight is released.
        """
        return tf.maximum(step - self.release, 0) + 1


def pace_of_weights(config: OptimizerConfig, places: Mapping[str, Place]) -> dict[str, Pace]:
    """{path: Pace} of the weights at `places`, from `config`.

    The rate of a part is `layer_decay` times the rate of the part above it (Clark et al. 2020,
    section 3.1; Howard and Ruder 2018, section 3.2, "discriminative fine-tuning"). With
    `unfreeze_every`, only the heads train at first; after each `unfreeze_every` steps the next part
    from the top starts to train (Howard and Ruder 2018, section 3.3). Blocks that share their
    weights count as one.

    Raises:
      ValueError: `config` freezes more blocks than the model has.
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
    rate = _RATE_OF_RANGES if place.role == roles.RANGE else 1.0
    return Pace(
        factor=rate * config.layer_decay**place.below_top,
        release=config.unfreeze_every * place.below_top,
        is_frozen=is_frozen.get(place.kind, False),
    )


def keep_top_random(
    initialize: Callable[[keras.Model], None] | None, num_layers: int
) -> Callable[[keras.Model], None] | None:
    """`initialize`, but the top `num_layers` blocks and the pooler keep their random weights.

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
        paths = [weight.path for weight in top]
        logging.info("%d variables stay random: %s", len(top), in_short(paths))

    return initialize_below


def _is_in_top(place: Place, num_layers: int) -> bool:
    """Whether a weight is in the pooler, or in one of the top `num_layers` blocks."""
    return place.kind == "pooler" or (place.kind == "block" and place.below_top <= num_layers)

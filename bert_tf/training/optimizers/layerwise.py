"""How fast each part of an encoder moves: layer-wise learning rates, freezing, unfreezing.

Parts are counted by depth: the embeddings are 0, block i is i + 1, and everything above the blocks
(pooler, heads) is one more than the last block.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable

import keras
import tensorflow as tf
from absl import logging

from bert_tf.config.experiment import OptimizerConfig

_BLOCK = re.compile(r"(^|/)encoder/layer_(\d+)/")
_EMBEDDINGS = re.compile(r"(^|/)embeddings/")


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


def depth_of(path: str, num_blocks: int) -> int:
    """0 for embeddings, i + 1 for block i, `num_blocks` + 1 for what stands above them."""
    if _EMBEDDINGS.search(path):
        return 0
    block = _BLOCK.search(path)
    return int(block[2]) + 1 if block else num_blocks + 1


def count_blocks(paths: Iterable[str]) -> int:
    """How many transformer blocks the variables at `paths` belong to."""
    return max((int(block[2]) + 1 for path in paths if (block := _BLOCK.search(path))), default=0)


def pace_of_weights(config: OptimizerConfig, paths: Iterable[str]) -> dict[str, Pace]:
    """{path: Pace} as `config` wants it.

    The rate of a part is `layer_decay` times that of the part above it (Clark et al. 2020, section
    3.1; Howard and Ruder 2018, section 3.2, "discriminative fine-tuning"). With `unfreeze_every`,
    the heads train first, and after each so many steps one part more, from the top (Howard and
    Ruder 2018, section 3.3).

    Raises:
      ValueError: more frozen blocks than there are.
    """
    paths = list(paths)
    num_blocks = count_blocks(paths)
    if config.num_frozen_layers > num_blocks:
        raise ValueError(
            f"optimizer.num_frozen_layers is {config.num_frozen_layers}, but the model has "
            f"{num_blocks} layers."
        )
    paces = {}
    for path in paths:
        depth = depth_of(path, num_blocks)
        below_top = num_blocks + 1 - depth
        paces[path] = Pace(
            factor=config.layer_decay**below_top,
            release=config.unfreeze_every * below_top,
            is_frozen=config.freeze_embeddings if not depth else depth <= config.num_frozen_layers,
        )
    return paces


def keep_top_random(
    initialize: Callable[[keras.Model], None] | None, num_layers: int
) -> Callable[[keras.Model], None] | None:
    """`initialize`, but the `num_layers` top blocks and the pooler keep the weights they have.

    Reference: Zhang et al. 2021, "Revisiting few-sample BERT fine-tuning", section 5.
    """
    if initialize is None or not num_layers:
        return initialize

    def initialize_below(model: keras.Model) -> None:
        num_blocks = count_blocks(weight.path for weight in model.weights)
        top = [w for w in model.weights if _in_top_layers(w.path, num_blocks, num_layers)]
        values = [weight.numpy() for weight in top]
        initialize(model)
        for weight, value in zip(top, values, strict=True):
            weight.assign(value)
        paths = ", ".join(weight.path for weight in top)
        logging.info("%d variables stay random: %s", len(top), paths)

    return initialize_below


def _in_top_layers(path: str, num_blocks: int, count: int) -> bool:
    is_pooler = "/pooler/" in f"/{path}"
    return is_pooler or num_blocks - count < depth_of(path, num_blocks) <= num_blocks

"""What of an encoder can be pruned, and what stays of it.

A block is one with weights of its own. In most encoders each layer is a block; in ALBERT the layers
of a group share theirs.
"""

import dataclasses
from collections.abc import Sequence

import keras

from bert_tf.models.encoder import Encoder
from bert_tf.models.model import EncoderConfig

KINDS = ("heads", "units", "layers")


def own_blocks(encoder: Encoder) -> list[keras.layers.Layer]:
    """The blocks with weights of their own, in the order of `config.block_sizes`."""
    return list({id(block): block for block in encoder.blocks}.values())


def check_can_be_pruned(model: keras.Model, source: str) -> None:
    """Raises ValueError for a model without an encoder whose blocks and config can be cut.

    Args:
      model: of any task.
      source: where it is from, for the message.
    """
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, Encoder):
        raise ValueError(f"{source}: its model has no encoder, so there is nothing to prune.")
    has_cuts = all(hasattr(block, "cuts") for block in encoder.blocks)
    if not has_cuts or type(encoder.config).resized is EncoderConfig.resized:
        raise ValueError(
            f"{source}: the encoder {encoder.config.model_type} cannot be pruned. Its blocks need "
            "`cuts` and its config `resized()`, see docs/extending.md."
        )


@dataclasses.dataclass(frozen=True)
class Kept:
    """What stays of an encoder: numbers in the encoder before, ascending.

    Attributes:
      layers: the layers.
      heads: for each block, its heads.
      units: for each block, its feed-forward units.
    """

    layers: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]
    units: tuple[tuple[int, ...], ...]

    @classmethod
    def all_of(cls, config: EncoderConfig) -> "Kept":
        """Everything."""
        sizes = config.block_sizes
        return cls(
            tuple(range(config.num_hidden_layers)),
            tuple(tuple(range(size.heads)) for size in sizes),
            tuple(tuple(range(size.units)) for size in sizes),
        )

    def blocks(self, config: EncoderConfig) -> list[int]:
        """The numbers of the blocks that some kept layer runs."""
        return sorted(set(config.blocks_of(self.layers)))

    def resized(self, config: EncoderConfig) -> EncoderConfig:
        """The config of what stays of an encoder with this config."""
        blocks = self.blocks(config)
        heads = [len(self.heads[block]) for block in blocks]
        return config.resized(self.layers, heads, [len(self.units[block]) for block in blocks])

    def without(self, kind: str, block: int, numbers: Sequence[int]) -> "Kept":
        """What stays without these units of a kind of `KINDS`; layers have no block."""
        gone = set(numbers)
        if kind == "layers":
            return dataclasses.replace(self, layers=tuple(n for n in self.layers if n not in gone))
        of_blocks = list(getattr(self, kind))
        of_blocks[block] = tuple(n for n in of_blocks[block] if n not in gone)
        return dataclasses.replace(self, **{kind: tuple(of_blocks)})

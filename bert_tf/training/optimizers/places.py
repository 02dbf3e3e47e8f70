"""The place of each weight in a model: its role, its part of the encoder, and its depth.

Optimizers need this. The encoder lists its parts (`bert_tf.models.encoder.Part`), and each variable
has a role (`bert_tf.layers.roles`).
"""

import dataclasses
from collections.abc import Iterator

import keras

from bert_tf.layers import roles

HEAD = "head"


@dataclasses.dataclass(frozen=True)
class Place:
    """What an optimizer needs to know about a weight besides its values.

    Attributes:
      role: see `bert_tf.layers.roles`.
      kind: the encoder's part, "embeddings", "block", "pooler" or "top"; "head" for a weight
        outside the encoder.
      depth: 0 for embeddings, i + 1 for block i, `num_blocks` + 1 for everything above the blocks.
      num_blocks: number of blocks of the encoder; blocks that share their weights count as one.
    """

    role: str
    kind: str = HEAD
    depth: int = 1
    num_blocks: int = 0

    @property
    def below_top(self) -> int:
        """The number of encoder parts nearer to the loss; 0 for everything above the blocks."""
        return self.num_blocks + 1 - self.depth


def places_of(model: keras.Model) -> dict[str, Place]:
    """{variable path: Place} of all weights of a model.

    A weight that several encoders share has its place in the first of them. A head can consist of
    Keras' own layers. Their variables have no role, so their shape decides.

    Raises:
      ValueError: a variable of the encoder has no role.
    """
    places = {v.path: Place(roles.role_of(v, roles.by_shape(v))) for v in model.weights}
    placed = set()
    for encoder in _encoders(model):
        kinds = [part.kind for part in encoder.parts]
        num_blocks = kinds.count("block")
        for index, part in enumerate(encoder.parts):
            depth = {"embeddings": 0, "block": kinds[: index + 1].count("block")}
            where = (part.kind, depth.get(part.kind, num_blocks + 1), num_blocks)
            new = [variable for variable in part.variables if variable.path not in placed]
            places |= {v.path: Place(roles.role_of(v), *where) for v in new}
            placed |= {variable.path for variable in new}
    return places


def _encoders(model: keras.layers.Layer) -> Iterator[keras.Model]:
    """The encoders of a model, that is, all layers with `parts`, at any depth."""
    if hasattr(model, "parts"):
        yield model
        return
    for layer in getattr(model, "layers", ()):
        yield from _encoders(layer)

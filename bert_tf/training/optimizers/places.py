"""Where each weight of a model stands: what it is, in which part of the encoder, and how deep.

Optimizers ask this. The encoder says which parts it has (`bert_tf.models.encoder.Part`), each
variable what it is (`bert_tf.layers.roles`).
"""

import dataclasses
from collections.abc import Iterator

import keras

from bert_tf.layers import roles

HEAD = "head"


@dataclasses.dataclass(frozen=True)
class Place:
    """What an optimizer must know of a weight beside its values.

    Attributes:
      role: see `bert_tf.layers.roles`.
      kind: of the encoder's part, "embeddings", "block", "pooler" or "top"; "head" for what is not
        in the encoder.
      depth: 0 for embeddings, i + 1 for block i, `num_blocks` + 1 for all that stands above.
      num_blocks: how many blocks of the encoder have weights of their own; only these count.
    """

    role: str
    kind: str = HEAD
    depth: int = 1
    num_blocks: int = 0

    @property
    def below_top(self) -> int:
        """How many parts of the encoder are nearer to the loss; 0 for all above the blocks."""
        return self.num_blocks + 1 - self.depth


def places_of(model: keras.Model) -> dict[str, Place]:
    """{variable path: Place} of all weights of a model.

    A weight that several encoders share stands where the first of them has it. A head may be made
    of Keras' own layers, whose variables have no role: their shape says it.

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
    """What says which parts it has, at any depth of the model."""
    if hasattr(model, "parts"):
        yield model
        return
    for layer in getattr(model, "layers", ()):
        yield from _encoders(layer)

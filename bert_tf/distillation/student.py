"""A student that is made of some layers of its teacher."""

from collections.abc import Sequence

import keras
from absl import logging

from bert_tf.listed_names import in_short


def copy_layers(student: keras.Model, teacher: keras.Model, layers: Sequence[int]) -> None:
    """Gives the student the weights of the teacher's layers, and of all else that both have.

    Args:
      student: a model whose encoder has the config `with_layers(layers)` of the teacher's.
      teacher: the model of the teacher; its heads are copied if the student has the same.
      layers: the teacher's layers, from 1, ascending.

    Raises:
      ValueError: layers of the student share weights which the chosen layers do not share, or an
        encoder weight of the student is not in the teacher.
    """
    sources = _of_blocks(student, teacher, layers)
    named = {weight.path: weight for weight in teacher.weights}
    in_encoder = {weight.path for weight in student.encoder.weights}
    missing = []
    for weight in student.weights:
        source = sources.get(weight.path, named.get(weight.path))
        if source is not None and tuple(source.shape) == tuple(weight.shape):
            weight.assign(source)
        elif weight.path in in_encoder:
            raise ValueError(f"the teacher has no {weight.path} of shape {tuple(weight.shape)}.")
        else:
            missing.append(weight.path)
    if missing:
        logging.warning("START AT RANDOM, not in the teacher: %s", in_short(missing, most=8))


def _of_blocks(
    student: keras.Model, teacher: keras.Model, layers: Sequence[int]
) -> dict[str, keras.Variable]:
    """{path of a weight of the student's blocks: the teacher's weight}."""
    blocks, found = teacher.encoder.blocks, {}
    size = len(blocks) // teacher.encoder.config.num_hidden_layers  # blocks in a layer
    chosen = [blocks[(layer - 1) * size + i] for layer in layers for i in range(size)]
    for block, source in zip(student.encoder.blocks, chosen, strict=True):
        for weight, other in zip(block.weights, source.weights, strict=True):
            if found.setdefault(weight.path, other) is not other:
                raise ValueError(
                    f"the layers {', '.join(map(str, layers))} do not share their weights, but in "
                    f"the student they would ({weight.path}). Choose layers of one group, or "
                    "another student."
                )
    return found

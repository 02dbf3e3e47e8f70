"""Cuts a model: smaller matrices that hold what stays."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from bert_tf.layers import roles
from bert_tf.pruning.units import Kept, own_blocks
from bert_tf.tasks.task import Task, make_task


def cut(task: Task, model: keras.Model, kept: Kept) -> tuple[Task, keras.Model]:
    """A smaller model that answers as `model` does with all but `kept` multiplied by 0.

    Args:
      task: of the model.
      model: has an `encoder` that can be pruned, see `units.check_can_be_pruned`.
      kept: what stays.

    Returns:
      The same task for the smaller encoder, and its model.
    """
    config = task.config.model
    smaller = dataclasses.replace(task.config, model=kept.resized(config))
    new_task = make_task(smaller, task.tokenizer, task.facts)
    with roles.filled_later():
        new_model = new_task.build_model()
    old_blocks, new_blocks = own_blocks(model.encoder), own_blocks(new_model.encoder)
    done = set()
    for number, new in zip(kept.blocks(config), new_blocks, strict=True):
        arrays = _cut_block(old_blocks[number], kept.heads[number], kept.units[number])
        for variable, array in zip(new.weights, arrays, strict=True):
            variable.assign(array)
            done.add(variable.path)
    others = {variable.path: variable for variable in model.weights}
    for variable in new_model.weights:
        if variable.path not in done:
            variable.assign(others[variable.path].numpy())
    return new_task, new_model


def _cut_block(block: keras.layers.Layer, heads: Sequence[int], units: Sequence[int]):
    """The arrays of a block's weights, in their order, of which these heads and units are left."""
    places = {}
    for kind, kept in (("heads", heads), ("units", units)):
        one = block.cuts[kind]
        for variable, axis in one.places:
            width = variable.shape[axis] // one.count
            numbers = np.asarray(kept)[:, np.newaxis] * width + np.arange(width)
            places[variable.path] = (numbers.ravel(), axis)
    for variable in block.weights:
        array = variable.numpy()
        yield np.take(array, *places[variable.path]) if variable.path in places else array

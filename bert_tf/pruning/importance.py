"""What each head, feed-forward unit and layer is worth: the first-order change of the loss.

A gate m multiplies the output of a head or of a unit, and for a layer it goes from its input (0) to
its output (1). dL / dm at m = 1 is about the change of an example's loss if the part is taken out.
The importance is the mean over examples of its square (Molchanov et al. 2019, equation 8), or of
its absolute value (Michel et al. 2019, section 4.1).

The square is the default because it adds up: of parts whose signs are independent, the mean square
of the sum is the sum of the mean squares. So a head can be compared with the units that cost as
much, and a layer with all that is in it. Absolute values of many units add up to too much.

Shape suffixes: B rows that the encoder sees, N gates of a layer.
"""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bert_tf import progress
from bert_tf.data.batches.order import BatchSlice
from bert_tf.layers import gates
from bert_tf.pruning.units import own_blocks
from bert_tf.tasks.task import Batch, Learn

OF = {"square": tf.square, "absolute": tf.abs}


@dataclasses.dataclass(frozen=True)
class Importance:
    """Mean of (dL / dm)^2 or of |dL / dm|, float64.

    Attributes:
      layers: [L].
      heads: for each block with weights of its own, [its heads].
      units: for each block with weights of its own, [its feed-forward units].
    """

    layers: np.ndarray
    heads: list[np.ndarray]
    units: list[np.ndarray]


def measure(
    task: Learn, model: keras.Model, data: Any, *, num_rows: int, batch_size: int, of: str
) -> Importance:
    """The importance of every part of a model on labelled rows, without dropout.

    Args:
      task: of the model; gives the loss.
      model: has an `encoder`.
      data: as for `task.make_dataset`.
      num_rows: about how many rows of `data` are looked at; they are drawn by the seed of the run,
        and no row is drawn twice before all were.
      batch_size: rows of a step.
      of: a key of `OF`: what the mean is of.
    """
    encoder, config = model.encoder, model.encoder.config
    cuts = [block.cuts for block in own_blocks(encoder)]
    per_layer = len(encoder.blocks) // config.num_hidden_layers
    layer_of = {("run", i): i // per_layer for i in range(len(encoder.blocks))}
    wanted = {cut.gated: cut.count for of_block in cuts for cut in of_block.values()}

    def of_batch(batch: Batch) -> tuple[list[tf.Tensor], tf.Tensor]:
        return _of_batch(task, model, batch, wanted, layer_of, OF[of])

    step = tf.function(lambda batch: task.at_its_width(batch, of_batch), autograph=False)
    num_batches = max(1, round(num_rows / batch_size))
    dataset = task.make_dataset(data, BatchSlice(batch_size), training=True).take(num_batches)
    totals = None
    with progress.bar(total=num_batches, unit="batches", description="importance") as bar:
        for batch in dataset:
            found = [values.numpy().astype(np.float64) for values in step(batch)]
            totals = (
                found if totals is None else [a + b for a, b in zip(totals, found, strict=True)]
            )
            bar.update(1)
    means = [total / (num_batches * batch_size) for total in totals]
    of_gated = dict(zip(wanted, means[:-1], strict=True))
    return Importance(
        means[-1],
        [of_gated[of_block["heads"].gated] for of_block in cuts],
        [of_gated[of_block["units"].gated] for of_block in cuts],
    )


def _of_batch(
    task: Learn, model: keras.Model, batch: Batch, wanted, layer_of, of
) -> list[tf.Tensor]:
    """Sums over the rows of `of`(dL / dm): one [N] for each of `wanted`, and [L] of the layers.

    The gates of every row are its own, so that `of` is taken row by row.
    """
    num_layers = max(layer_of.values()) + 1
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        opened: dict[Any, tf.Tensor] = {}

        def provide(what, rows, width):
            if what in layer_of:
                gates_BL = _gates_of(opened, "layers", rows, num_layers, tape)
                return gates_BL[:, layer_of[what], tf.newaxis]
            return _gates_of(opened, what, rows, width, tape) if what in wanted else None

        with gates.opened(provide):
            outputs = model(batch)
        losses = task.compute_loss(outputs, batch)
        loss = tf.add_n([total for total, _ in losses.values()])
    sources = [opened[what] for what in (*wanted, "layers")]
    gradients = tape.gradient(loss, sources, unconnected_gradients="zero")
    return [tf.reduce_sum(of(gradients_BN), axis=0) for gradients_BN in gradients]


def _gates_of(opened: dict, what: Any, rows, width: int, tape: tf.GradientTape) -> tf.Tensor:
    """Gates of 1, the same at every call: a block that runs several times has one set of them."""
    if what not in opened:
        opened[what] = tf.ones([rows, width])
        tape.watch(opened[what])
    return opened[what]

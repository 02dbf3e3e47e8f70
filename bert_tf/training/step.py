"""What one optimizer step computes, on every layout of devices and micro-batches.

The weight of each term of the loss depends on the data alone. It is summed over the whole global
batch before the first backward pass, so that a term's gradient is divided by the same number
wherever it is computed; gradients are then summed, clipped and applied.
"""

import dataclasses
import functools

import keras
import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.layers import fused
from bert_tf.layers.dropout import fold_in
from bert_tf.layers.quantization import with_ranges
from bert_tf.tasks.task import Batch, Task
from bert_tf.training.distribution import is_on_cpu
from bert_tf.training.optimizers import schedules
from bert_tf.training.optimizers.loss_scale import LossScale
from bert_tf.training.optimizers.optimizer import Optimizer
from bert_tf.training.optimizers.places import places_of

_SUM = tf.distribute.ReduceOp.SUM
NO_STEP = -1
# AutoGraph, which makes a loop of `_train_steps`, would take two seconds to look at all the rest.
_as_written = tf.autograph.experimental.do_not_convert


@dataclasses.dataclass
class TrainState:
    """Everything a checkpoint holds. Create it in the scope of the strategy.

    Attributes:
      model: the Keras model.
      optimizer: its slots.
      step: int64, finished optimizer steps.
      rows_consumed: int64, rows read in the current phase, skipped steps included.
      num_train_steps: int64, where the schedule ends; 0 until the time budget is fitted.
      loss_scale: of float16; None for other dtypes.
      is_fitted_to_time: a time budget decides about `num_train_steps`.
    """

    model: keras.Model
    optimizer: Optimizer
    step: tf.Variable
    rows_consumed: tf.Variable
    num_train_steps: tf.Variable
    loss_scale: LossScale | None
    is_fitted_to_time: bool

    @classmethod
    def create(cls, task: Task, config: ExperimentConfig) -> "TrainState":
        """A model with weights drawn from `config.train.seed`, and zero slots."""
        keras.utils.set_random_seed(config.train.seed)
        with with_ranges(config.quantization.is_on):
            model = task.build_model()
        return cls(
            model=model,
            optimizer=Optimizer(config.optimizer, weights_of(model), places_of(model)),
            step=_counter("step"),
            rows_consumed=_counter("rows_consumed"),
            num_train_steps=_counter("num_train_steps", config.train.num_train_steps),
            loss_scale=LossScale() if config.train.dtype == "mixed_float16" else None,
            is_fitted_to_time=config.train.time_budget_minutes > 0,
        )

    def variables(self) -> dict[str, tf.Variable]:
        """{path: variable} of weights, slots and counters.

        The number of steps is among them only if a time budget decided it, the loss scale only if
        there is one.
        """
        counters = {"step": self.step, "rows_consumed": self.rows_consumed}
        if self.is_fitted_to_time:
            counters["num_train_steps"] = self.num_train_steps
        if self.loss_scale is not None:
            counters |= self.loss_scale.variables()
        return {**weights_of(self.model), **self.optimizer.slots, **counters}

    def describe(self) -> list[str]:
        """Lines for the log: how much is trained, and how."""
        weights = weights_of(self.model)
        count = sum(int(tf.size(weight)) for weight in weights.values())
        line = f"{len(weights)} trainable variables, {count:,} parameters"
        return [line, *self.optimizer.describe()]


def weights_of(model: keras.Model) -> dict[str, tf.Variable]:
    """{path: tf.Variable} of the trainable weights."""
    return {weight.path: weight.value for weight in model.trainable_weights}


def _counter(name: str, initial: int = 0) -> tf.Variable:
    return tf.Variable(
        tf.constant(initial, tf.int64),
        trainable=False,
        name=name,
        aggregation=tf.VariableAggregation.NONE,
    )


class TrainStep:
    """Compiles several optimizer steps into one call.

    Args:
      task: gives the loss.
      config: the experiment config.
      state: what is trained.
      strategy: the devices.
      schedule: the steps over which the learning rate goes; None: all.
    """

    def __init__(
        self,
        task: Task,
        config: ExperimentConfig,
        state: TrainState,
        strategy: tf.distribute.Strategy,
        schedule: range | None = None,
    ):
        self._task, self._config, self._state = task, config, state
        self._strategy, self._schedule = strategy, schedule
        self._weights = list(state.optimizer.weights.values())
        with strategy.scope():
            self._totals = tf.Variable(
                tf.zeros((len(task.names) + 1, 2)),  # the last row counts tokens
                trainable=False,
                aggregation=tf.VariableAggregation.NONE,
            )
            self._non_finite_step = _counter("non_finite_step", NO_STEP)
        self._fuses = not config.train.jit_compile and is_on_cpu(strategy)
        in_parts = config.train.num_micro_batches > 1
        self._gradients_of_batch = self._gradients_of_parts if in_parts else self._gradients
        by_length = bool(task.facts.widths)
        self._gradient_function = (
            self._gradients_at_width if by_length else self._gradients_of_batch
        )
        self._finish_function = self._finish
        if config.train.jit_compile:
            # Behind a partial, because strategy.run would compile a bare tf.function for all
            # replicas as one, with variables of several devices in it.
            compiled = tf.function(self._gradient_function, jit_compile=True, autograph=False)
            self._gradient_function = functools.partial(compiled)
        if strategy.num_replicas_in_sync == 1:  # no all-reduce inside
            # Always: as one kernel per variable the update takes half the time, and no temporaries.
            # The norm stays outside: XLA's takes twice as long.
            self._finish_function = tf.function(self._finish, jit_compile=True, autograph=False)
        self.train_steps = tf.function(self._train_steps)

    @property
    def step(self) -> tf.Tensor:
        """int64 scalar: finished optimizer steps."""
        return _local(self._state.step)

    def learning_rate(self, step: tf.Tensor) -> tf.Tensor:
        """The rate of the update that follows `step` finished ones."""
        total = tf.convert_to_tensor(self._state.num_train_steps)
        if self._schedule is not None:
            step, total = step - self._schedule.start, len(self._schedule)
        return schedules.learning_rate(step, self._config.optimizer, total)

    def _train_steps(self, iterator, num_steps):
        for _ in tf.range(num_steps):
            batch = next(iterator)
            weights = self._strategy.run(self._global_loss_weights, args=(batch,))
            gradients, sums = self._strategy.run(self._gradient_function, args=(batch, weights))
            self._strategy.run(self._update, args=(gradients, sums))

    @_as_written
    def _global_loss_weights(self, batch: Batch) -> dict[str, tf.Tensor]:
        weights = self._task.loss_weights(batch)
        return tf.distribute.get_replica_context().all_reduce(_SUM, weights)

    @_as_written
    def _gradients_at_width(self, batch: Batch, global_weights: dict[str, tf.Tensor]):
        """As `_gradients`, of a batch whose rows are cut to one of `facts.widths`."""
        return self._task.at_its_width(
            batch, lambda cut: self._gradients_of_batch(cut, global_weights)
        )

    @_as_written
    def _gradients_of_parts(self, batch: Batch, global_weights: dict[str, tf.Tensor]):
        """As `_gradients`, of the micro-batches one after the other."""
        count = self._config.train.num_micro_batches

        def add(index, gradients, sums):
            part = {name: _part(rows, index, count) for name, rows in batch.items()}
            new_gradients, new_sums = self._gradients(part, global_weights, index)
            gradients = [old + new for old, new in zip(gradients, new_gradients, strict=True)]
            return index + 1, gradients, sums + new_sums

        zeros = [tf.zeros(weight.shape, weight.dtype) for weight in self._weights]
        _, gradients, sums = tf.while_loop(
            lambda index, *_: index < count,
            add,
            (0, zeros, tf.zeros((len(self._task.names) + 1, 2))),
        )
        return gradients, sums

    @_as_written
    def _gradients(
        self, batch: Batch, global_weights: dict[str, tf.Tensor], index: tf.Tensor | int = 0
    ):
        """This replica's share of the gradient and of the (sum, weight) pairs that are reported.

        `batch` is all of it, or the micro-batch `index`.
        """
        task, count = self._task, self._config.train.num_micro_batches
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        seed = self._dropout_seed(replica * count + index)
        with fused.kernels(self._fuses):
            with tf.GradientTape() as tape:
                outputs = self._state.model(batch, dropout_seed=seed)
                losses = task.compute_loss(outputs, batch)
                loss = tf.add_n(
                    [tf.math.divide_no_nan(losses[n][0], global_weights[n]) for n in losses]
                )
                if self._state.loss_scale is not None:
                    loss = self._state.loss_scale.scale(loss)
            gradients = tape.gradient(loss, self._weights, unconnected_gradients="zero")
            metrics = {**losses, **task.compute_metrics(outputs, batch)}
        num_tokens = tf.cast(tf.reduce_sum(batch["input_mask"]), tf.float32)
        sums = tf.concat([task.stack(metrics), [[num_tokens, 1.0]]], axis=0)
        return [tf.convert_to_tensor(gradient) for gradient in gradients], sums

    def _dropout_seed(self, global_micro_batch: tf.Tensor) -> tf.Tensor:
        """From (seed, step, global micro-batch) alone; the layers fold in the rest."""
        seed = tf.constant([self._config.train.seed, 0], tf.int32)
        seed = fold_in(seed, tf.cast(tf.convert_to_tensor(self._state.step), tf.int32))
        return fold_in(seed, global_micro_batch)

    @_as_written
    def _update(self, gradients, sums):
        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce(_SUM, gradients)
        sums = context.all_reduce(_SUM, sums)
        if self._state.loss_scale is not None:
            gradients = self._state.loss_scale.unscale(gradients)
        # Only of what moves: a frozen weight has no part in the norm.
        step = tf.convert_to_tensor(self._state.step)
        gradients = self._state.optimizer.released(gradients, step)
        norm = tf.linalg.global_norm(gradients)
        healthy = tf.math.is_finite(norm) & (self._non_finite_step == NO_STEP)
        tf.cond(healthy, lambda: self._apply(gradients, norm, sums), self._skip)

    def _apply(self, gradients, norm, sums):
        if self._state.optimizer.orthogonalized:  # on a CPU, XLA's matrix products are slow
            self._move(gradients, norm, orthogonalized=True)
        return self._finish_function(gradients, norm, sums)

    def _move(self, gradients, norm, *, orthogonalized: bool):
        """Updates the weights whose updates are orthogonal, or the others."""
        clip = self._config.optimizer.clip_norm
        if clip:
            factor = clip / tf.maximum(norm, clip)
            gradients = [gradient * factor for gradient in gradients]
        step = tf.convert_to_tensor(self._state.step)
        self._state.optimizer.apply(
            gradients,
            step=step,
            learning_rate=self.learning_rate(step),
            orthogonalized=orthogonalized,
        )

    def _finish(self, gradients, norm, sums):
        self._move(gradients, norm, orthogonalized=False)
        if self._state.loss_scale is not None:
            self._state.loss_scale.count_good_step()
        self._state.step.assign_add(1)
        self._state.rows_consumed.assign_add(self._config.train.global_batch_size)
        self._totals.assign_add(sums)
        return True

    def _skip(self):
        """After an overflow of float16 the next batch is tried; nothing else may be not finite."""
        if self._state.loss_scale is None:
            return self._remember_non_finite_step()
        return tf.cond(
            self._state.loss_scale.can_shrink(),
            self._pass_over_overflow,
            self._remember_non_finite_step,
        )

    def _pass_over_overflow(self):
        self._state.rows_consumed.assign_add(self._config.train.global_batch_size)
        return self._state.loss_scale.shrink()

    def _remember_non_finite_step(self):
        first = tf.where(
            self._non_finite_step == NO_STEP,
            tf.convert_to_tensor(self._state.step) + 1,
            self._non_finite_step,
        )
        self._non_finite_step.assign(first)
        return False

    @property
    def non_finite_step(self) -> int:
        """The first step whose loss or gradient was not finite, or NO_STEP. Waits for the device.

        Neither it nor a later one was applied: the weights are those before it.
        """
        return int(_local(self._non_finite_step))

    @property
    def totals(self) -> list[list[float]]:
        """What has been added up for `take_metrics`; float32, so exact as JSON."""
        return _local(self._totals).numpy().tolist()

    def restart(self, totals: list[list[float]]) -> None:
        """Goes on from a restored state: with the `totals` of it, [] for none."""
        self._totals.assign(totals or tf.zeros_like(_local(self._totals)))
        self._non_finite_step.assign(NO_STEP)

    def take_metrics(self) -> dict[str, float]:
        """Exact global ratios since the last call.

        Every loss and metric; `loss`, the sum of the losses; `num_tokens`, how many tokens were not
        padding.
        """
        totals = _local(self._totals).numpy()
        self._totals.assign(tf.zeros_like(totals))
        values = {**self._task.ratios(totals[:-1]), "num_tokens": float(totals[-1, 0])}
        if self._state.loss_scale is not None:
            values["loss_scale"] = float(_local(self._state.loss_scale.value))
        return values


def _part(rows: tf.Tensor, index: tf.Tensor | int, count: int) -> tf.Tensor:
    """Micro-batch `index` of `count`: consecutive rows, static shape (XLA slices by size only)."""
    return tf.reshape(rows, (count, rows.shape[0] // count, *rows.shape[1:]))[index]


def _local(variable: tf.Variable) -> tf.Tensor:
    """The value on the first replica of this process; all hold the same."""
    values = tf.distribute.get_strategy().experimental_local_results(variable)
    return tf.convert_to_tensor(values[0])

"""Estimates the memory and the operations of a run before its first step; the text of a dry run.

B rows of a replica's micro-batch, P predictions, V vocabulary.
"""

import math
from collections.abc import Mapping, Sequence

import tensorflow as tf
from absl import logging

from bert_tf import machine
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.progress import format_seconds
from bert_tf.training.flops import step_flops
from bert_tf.training.phases import Phase, phase_at
from bert_tf.training.step import TrainState, weights_of


def matmul_ceiling(config: ExperimentConfig) -> float:
    """Measured FLOP/s of one device in the dtype of the run. MFU is relative to it."""
    return machine.matmul_ceiling("bfloat16" if "bfloat16" in config.train.dtype else "float32")


def activation_bytes(config: ExperimentConfig, num_replicas: int) -> float:
    """Bytes that the forward pass of one micro-batch keeps for the backward pass, on one replica.

    The settings of the task say how many values of the compute dtype these are. The masked-LM head
    keeps its logits and their gradients in float32.
    """
    model, train = config.model, config.train
    size = 2 if "16" in train.dtype else 4
    B = train.global_batch_size // (num_replicas * train.num_micro_batches)
    P = config.task.predictions_per_row
    length = config.data.max_seq_length
    values = config.task.activation_values(model, length, train.recompute)
    return B * (values * size + 3 * 4 * P * model.vocab_size)


def memory_bytes(state: TrainState, config: ExperimentConfig, num_replicas: int) -> float:
    """Bytes that one replica needs in training: variables, gradients and activations."""
    gradients = _bytes(weights_of(state.model)) * (2 if config.train.num_micro_batches > 1 else 1)
    return _bytes(state.variables()) + gradients + activation_bytes(config, num_replicas)


def _bytes(variables: Mapping[str, tf.Variable]) -> int:
    return sum(math.prod(v.shape) * v.dtype.size for v in variables.values())


def log(state: TrainState, phases: Sequence[Phase], num_replicas: int) -> None:
    """Logs the memory and the operations of a step of each phase.

    Raises:
      ValueError: a step needs many times the memory of this machine.
    """
    for phase in phases:
        machine.check_memory(
            memory_bytes(state, phase.config, num_replicas),
            "a step",
            "Lower train.global_batch_size, or raise train.num_micro_batches; --find_batch finds "
            "how many.",
        )
        logging.info(
            "a step%s needs about %.3g GB on each replica and %.3g GFLOP; this machine multiplies "
            "matrices with %.3g GFLOP/s a device",
            f" of phase {phase.index + 1}" if len(phases) > 1 else "",
            memory_bytes(state, phase.config, num_replicas) / 1e9,
            step_flops(phase.config) / 1e9,
            matmul_ceiling(phase.config) / 1e9,
        )


def forecast(
    phases: Sequence[Phase],
    *,
    step: int,
    total: int,
    seconds_per_step: float,
    loss: float,
    work_dir: str,
    variables: Mapping[str, tf.Variable],
    evaluates: bool,
) -> list[str]:
    """The lines of a dry run: what a run of `total` steps would do after `step`.

    The time of phases that were not timed is estimated from their operations.
    """
    train = phases[0].config.train
    left = [_steps_left(phase, step, total) for phase in phases]
    rows = [n * p.config.train.global_batch_size for n, p in zip(left, phases, strict=True)]
    flops = [step_flops(phase.config) for phase in phases]
    timed = flops[phase_at(phases, step).index]
    of_step = f", with {train.global_batch_size} rows a step" if len(phases) == 1 else ""
    seconds = sum(n * seconds_per_step * f / timed for n, f in zip(left, flops, strict=True))
    kept = train.keep_checkpoints + bool(train.keep_best)
    evaluations = f"every {train.eval_every} steps and " if train.eval_every else ""
    no_evaluation = "would not evaluate while it trains"  # scripts may, behind it
    saves = f"every {train.checkpoint_every} steps and " if train.checkpoint_every else ""
    return [
        f"dry run: nothing was written. The loss of two steps is {loss:.4f}.",
        f"would go on after step {step} to step {total}{of_step}: {sum(rows):,} rows",
        *(map(_describe, phases, left, rows) if len(phases) > 1 else ()),
        f"a step takes {seconds_per_step:.3g} s: {format_seconds(seconds)} in all, "
        "without evaluations",
        f"would evaluate {evaluations}at the end" if evaluates else no_evaluation,
        f"would write a checkpoint of {_bytes(variables) / 1e6:,.1f} MB {saves}at the end, and "
        f"keep {kept}",
        f"work directory: {work_dir}",
    ]


def _steps_left(phase: Phase, step: int, total: int) -> int:
    return max(0, min(phase.end, total) - max(phase.begin, step))


def _describe(phase: Phase, steps: int, rows: int) -> str:
    data, train = phase.config.data, phase.config.train
    return (
        f"phase {phase.index + 1}: {steps} steps with {train.global_batch_size} rows of "
        f"{data.max_seq_length} tokens, in {train.num_micro_batches} micro-batch(es): {rows:,} rows"
    )

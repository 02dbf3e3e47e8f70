"""Floating-point operations of a training step, as the model defines them (not as measured).

A forward pass needs what the settings of the task and the encoder's config say, the backward pass
twice as much (Kaplan et al. 2020, section 2.1). The optimizer is not counted.
"""

from bert_tf.config.experiment import ExperimentConfig


def step_flops(config: ExperimentConfig, sequence_length: float | None = None) -> float:
    """Operations of one optimizer step on `train.global_batch_size` sequences.

    Args:
      config: the config of the step.
      sequence_length: tokens of a sequence; None: `data.max_seq_length`.
    """
    length = sequence_length or config.data.max_seq_length
    forward = config.task.forward_flops(config.model, length)
    return float(3 * config.train.global_batch_size * forward)

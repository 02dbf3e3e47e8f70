"""Floating-point operations that a training step needs, whatever a program spends on it.

Counted as 6 x non-embedding parameters x tokens (2 forward, 4 backward), plus attention, plus the
masked-LM head on the predicted positions when pretraining (Kaplan et al. 2020, section 2.1, for the
6). Dropout, activations, other heads and the optimizer are not counted.

B sequences, S tokens, P predictions, D hidden, F intermediate, L layers, V vocabulary.
"""

from bert_tf.config.experiment import ExperimentConfig


def step_flops(config: ExperimentConfig, sequence_length: float | None = None) -> float:
    """Of one optimizer step on `train.global_batch_size` sequences.

    Args:
      config: of the step.
      sequence_length: tokens of a sequence; None: `data.max_seq_length`.
    """
    model, data = config.model, config.data
    P = config.task.predictions_per_row
    S, D = sequence_length or data.max_seq_length, model.hidden_size
    F, L, V = model.intermediate_size, model.num_hidden_layers, model.vocab_size
    attention_parameters = 4 * (D * D + D)
    feed_forward_parameters = 2 * D * F + F + D
    layer_norm_parameters = 4 * D
    block = attention_parameters + feed_forward_parameters + layer_norm_parameters
    attention = 12 * S * S * D  # scores and context: 2 products of 2 S S D, three times
    head = 6 * P * (V * D + D * D)
    return float(config.train.global_batch_size * (L * (6 * block * S + attention) + head))

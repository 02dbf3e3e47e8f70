"""Which numbers the settings of a run may have."""

from collections.abc import Callable, Mapping
from typing import Any

# What was expected, and whether a value is that.
Range = tuple[str, Callable[[float], bool]]

_SHARE: Range = ("a share between 0 and 1", lambda value: 0 <= value <= 1)
# Dropout, and Adam's betas: what is left is divided by 1 - value.
_BELOW_ONE: Range = ("at least 0 and less than 1", lambda value: 0 <= value < 1)
_NOT_NEGATIVE: Range = ("at least 0", lambda value: value >= 0)
_AT_LEAST_ONE: Range = ("at least 1", lambda value: value >= 1)
_POSITIVE: Range = ("more than 0", lambda value: value > 0)

DATA: Mapping[str, Range] = {
    "masked_lm_prob": _SHARE,
    "eval_masked_lm_prob": _SHARE,
    "max_predictions_per_seq": _AT_LEAST_ONE,
    "max_ngram": _AT_LEAST_ONE,
    "dev_fraction": _BELOW_ONE,
    "doc_stride": _AT_LEAST_ONE,
}
TASK: Mapping[str, Range] = {"classifier_dropout_prob": _BELOW_ONE}
OPTIMIZER: Mapping[str, Range] = {
    "learning_rate": _NOT_NEGATIVE,
    "warmup_proportion": _SHARE,
    "decay_proportion": _SHARE,
    "power": _POSITIVE,
    "end_learning_rate": _NOT_NEGATIVE,
    "weight_decay": _NOT_NEGATIVE,
    "beta_1": _BELOW_ONE,
    "beta_2": _BELOW_ONE,
    # Where a weight has no gradient, Adam divides 0 by it.
    "epsilon": _POSITIVE,
    "decay_exponent": _POSITIVE,
    "update_clip": _POSITIVE,
    "momentum": _BELOW_ONE,
    "update_rms": _POSITIVE,
    "clip_norm": _NOT_NEGATIVE,
    "layer_decay": ("more than 0 and at most 1", lambda value: 0 < value <= 1),
    "num_frozen_layers": _NOT_NEGATIVE,
    "unfreeze_every": _NOT_NEGATIVE,
}
TRAIN: Mapping[str, Range] = {
    "global_batch_size": _AT_LEAST_ONE,
    "num_micro_batches": _AT_LEAST_ONE,
    "num_train_steps": _NOT_NEGATIVE,
    "num_train_epochs": _NOT_NEGATIVE,
    "steps_per_loop": _AT_LEAST_ONE,
    "eval_batch_size": _AT_LEAST_ONE,
    "eval_every": _NOT_NEGATIVE,
    "checkpoint_every": _NOT_NEGATIVE,
    "keep_checkpoints": _AT_LEAST_ONE,
    "time_budget_minutes": _NOT_NEGATIVE,
    "num_reinitialized_layers": _NOT_NEGATIVE,
    "early_stop_patience": _NOT_NEGATIVE,
    "spike_factor": _NOT_NEGATIVE,
    "seed": ("at least 0 and less than 2**32", lambda value: 0 <= value < 2**32),
}


def check_ranges(section: str, values: Any, ranges: Mapping[str, Range]) -> None:
    """ValueError for the first number of `values`, the `section` of a config, that is out of range.

    NaN is in none.
    """
    for name, (wanted, is_good) in ranges.items():
        value = getattr(values, name)
        if not is_good(value):
            raise ValueError(f"{section}.{name} is {value}; expected {wanted}.")

"""The allowed numbers of a run's settings. The ranges of a task are in its Config."""

from collections.abc import Callable, Mapping
from typing import Any

# The expected values in words, and a function that checks a value.
Range = tuple[str, Callable[[float], bool]]

SHARE: Range = ("a share between 0 and 1", lambda value: 0 <= value <= 1)
# For dropout and Adam's betas, which divide by 1 - value.
BELOW_ONE: Range = ("at least 0 and less than 1", lambda value: 0 <= value < 1)
NOT_NEGATIVE: Range = ("at least 0", lambda value: value >= 0)
AT_LEAST_ONE: Range = ("at least 1", lambda value: value >= 1)
# Each prediction has a place in every row of a batch.
PREDICTIONS: Range = ("at least 1 and at most 65536", lambda value: 1 <= value <= 65536)
POSITIVE: Range = ("more than 0", lambda value: value > 0)
# Numbers of steps, rows or passes. More would not fit into a counter.
COUNT: Range = ("at least 0 and less than 2**31", lambda value: 0 <= value < 2**31)
COUNT_FROM_ONE: Range = ("at least 1 and less than 2**31", lambda value: 1 <= value < 2**31)

DATA: Mapping[str, Range] = {"dev_fraction": BELOW_ONE}
OPTIMIZER: Mapping[str, Range] = {
    "learning_rate": NOT_NEGATIVE,
    "warmup_proportion": SHARE,
    "decay_proportion": SHARE,
    "power": POSITIVE,
    "end_learning_rate": NOT_NEGATIVE,
    "weight_decay": NOT_NEGATIVE,
    "beta_1": BELOW_ONE,
    "beta_2": BELOW_ONE,
    # If a weight has no gradient, Adam divides 0 by it.
    "epsilon": POSITIVE,
    "decay_exponent": POSITIVE,
    "update_clip": POSITIVE,
    "momentum": BELOW_ONE,
    "update_rms": POSITIVE,
    "clip_norm": NOT_NEGATIVE,
    "layer_decay": ("more than 0 and at most 1", lambda value: 0 < value <= 1),
    "num_frozen_layers": NOT_NEGATIVE,
    "unfreeze_every": NOT_NEGATIVE,
}
TRAIN: Mapping[str, Range] = {
    "global_batch_size": COUNT_FROM_ONE,
    "num_micro_batches": COUNT_FROM_ONE,
    "num_train_steps": COUNT,
    "num_train_epochs": COUNT,
    "steps_per_loop": COUNT_FROM_ONE,
    "eval_batch_size": COUNT_FROM_ONE,
    "eval_every": COUNT,
    "checkpoint_every": COUNT,
    "keep_checkpoints": COUNT_FROM_ONE,
    "time_budget_minutes": NOT_NEGATIVE,
    "num_reinitialized_layers": COUNT,
    "early_stop_patience": COUNT,
    "spike_factor": NOT_NEGATIVE,
    "seed": ("at least 0 and less than 2**32", lambda value: 0 <= value < 2**32),
}
DISTILL: Mapping[str, Range] = {
    "gold_weight": NOT_NEGATIVE,
    "soft_weight": NOT_NEGATIVE,
    "temperature": POSITIVE,
    "hidden_weight": NOT_NEGATIVE,
    "relation_weight": NOT_NEGATIVE,
    "relation_layer": COUNT,
    "relation_heads": COUNT,
    "store_up_to_mb": COUNT,
    "augment_copies": COUNT,
    "augment_share": SHARE,
    "augment_guesses": COUNT_FROM_ONE,
}
QUANTIZATION: Mapping[str, Range] = {
    "percentile": ("more than 50 and at most 100", lambda value: 50 < value <= 100),
    "largest_error": NOT_NEGATIVE,
    "calibration_rows": COUNT_FROM_ONE,
}


def check_ranges(section: str, values: Any, ranges: Mapping[str, Range]) -> None:
    """Raises ValueError for the first number in a section of a config that is out of range.

    NaN is in no range.
    """
    for name, (wanted, is_good) in ranges.items():
        value = getattr(values, name)
        if not is_good(value):
            raise ValueError(f"{section}.{name} is {value}; expected {wanted}.")

"""Holds out examples for evaluation: stratified, and without leaks.

Examples with the same key go to the same side. NumPy only.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from bert_tf.data import hashing


def hold_out(
    keys: Sequence[Hashable], strata: np.ndarray, fraction: float, seed: int
) -> np.ndarray:
    """Bool [E]: the examples to hold out, the same share of every stratum.

    The remainder of a stratum, at most one row, is added to the goal of the next stratum, so that
    the total share is right even for small strata. Some examples of every stratum stay, and so do
    groups of copies of more than twice the goal.

    Args:
      keys: E; examples with equal keys go to the same side.
      strata: int [E].
      fraction: share of the examples to hold out, between 0 and 1.
      seed: of the choice.
    """
    first_of = {}
    for row, key in enumerate(keys):
        first_of.setdefault(key, row)
    groups = np.array([first_of[key] for key in keys], int)
    # Every copy gets the hash and the stratum of the first one.
    firsts, sizes = np.unique(groups, return_counts=True)
    by_chance = np.argsort(hashing.hash_u32(seed, firsts, hashing.STREAM_SPLIT_ROWS), kind="stable")
    strata_of = strata[firsts]
    chosen, owed = [], 0.0
    for stratum in np.unique(strata_of):
        members = by_chance[strata_of[by_chance] == stratum]
        owed += fraction * sizes[members].sum()
        taken = _about(sizes[members].tolist(), owed)
        chosen.extend(members[taken])
        # At most one row: other labels do not compensate for many copies in one label.
        owed = min(max(owed - sizes[members[taken]].sum(), -1.0), 1.0)
    return np.isin(groups, firsts[np.array(chosen, int)])


def _about(sizes: Sequence[int], goal: float) -> list[int]:
    """The indices of the first groups whose total is nearest to `goal` rows; never all groups."""
    taken, left = [], sum(sizes)
    for place, size in enumerate(sizes):
        if size <= 2 * goal and size < left:  # nearer with it than without
            taken.append(place)
            goal, left = goal - size, left - size
    return taken


def check_both(held_out: np.ndarray, path: str, units: str, fraction: float) -> None:
    """Raises ValueError if one side is empty."""
    if held_out.all() or not held_out.any():
        raise ValueError(
            f"{path}: {len(held_out)} {units} are too few to hold {fraction:.0%} of them out. "
            "Pass --eval_data, or data.dev_fraction=0 for no evaluation."
        )

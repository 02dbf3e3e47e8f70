"""Sets examples aside for evaluation: stratified, and without leaks.

Examples with the same key stay on one side. NumPy only.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from bert_tf.data import hashing


def hold_out(
    keys: Sequence[Hashable], strata: np.ndarray, fraction: float, seed: int
) -> np.ndarray:
    """Bool [E]: what is held out, the same share of every stratum.

    What is owed of a stratum and left over, at most a row, goes over to the next one, so that the
    share of all is right however small the strata are. Some of every stratum stays, and copies that
    would be more than twice what is owed.

    Args:
      keys: E; equal keys stay on one side.
      strata: int [E].
      fraction: share of the examples that is held out, between 0 and 1.
      seed: of the choice.
    """
    first_of = {}
    for row, key in enumerate(keys):
        first_of.setdefault(key, row)
    groups = np.array([first_of[key] for key in keys], int)
    # Every copy has the hash and the stratum of its first appearance.
    firsts, sizes = np.unique(groups, return_counts=True)
    by_chance = np.argsort(hashing.hash_u32(seed, firsts, hashing.STREAM_SPLIT_ROWS), kind="stable")
    strata_of = strata[firsts]
    chosen, owed = [], 0.0
    for stratum in np.unique(strata_of):
        members = by_chance[strata_of[by_chance] == stratum]
        owed += fraction * sizes[members].sum()
        taken = _about(sizes[members].tolist(), owed)
        chosen.extend(members[taken])
        # No more than a row: many copies in one label are not made up for by another.
        owed = min(max(owed - sizes[members[taken]].sum(), -1.0), 1.0)
    return np.isin(groups, firsts[np.array(chosen, int)])


def _about(sizes: Sequence[int], goal: float) -> list[int]:
    """The places of the first groups that together come nearest to `goal` rows; never of all."""
    taken, left = [], sum(sizes)
    for place, size in enumerate(sizes):
        if size <= 2 * goal and size < left:  # nearer with it than without
            taken.append(place)
            goal, left = goal - size, left - size
    return taken


def check_both(held_out: np.ndarray, path: str, units: str, fraction: float) -> None:
    """ValueError if one side has nothing."""
    if held_out.all() or not held_out.any():
        raise ValueError(
            f"{path}: {len(held_out)} {units} are too few to hold {fraction:.0%} of them out. "
            "Pass --eval_data, or data.dev_fraction=0 for no evaluation."
        )

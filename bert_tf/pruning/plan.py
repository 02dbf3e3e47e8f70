"""Which heads, feed-forward units and layers go: those worth least for what they cost."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from bert_tf.models.model import EncoderConfig
from bert_tf.pruning.importance import Importance
from bert_tf.pruning.units import Kept

# Units go by eights, which fill the registers of a processor; in a tiny layer one by one.
_UNITS_AT_ONCE, _TINY = 8, 64

Cost = Callable[[EncoderConfig], float]


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """Something that can go as a whole; `density` is its importance for what it costs."""

    density: float
    kind: str
    block: int
    numbers: tuple[int, ...]


def plan(
    config: EncoderConfig,
    importance: Importance,
    cost: Cost,
    limit: float,
    least: Mapping[str, int],
) -> Kept:
    """What stays of an encoder so that its cost is at most `limit`.

    One after another, what has the least importance for its cost goes. A head and some units stay
    in every block, and one layer. A layer that costs more than twice what is still to go is passed
    over, unless the limit cannot be reached without it.

    Args:
      config: of the encoder.
      importance: of its parts.
      cost: of an encoder with a config, in any unit.
      limit: in the same unit.
      least: {kind of `units.KINDS` that may go: how many must stay}.

    Raises:
      ValueError: the limit cannot be reached.
    """
    candidates = sorted(_candidates(config, importance, cost, least), key=lambda c: c.density)
    kept, now = Kept.all_of(config), cost(config)
    for may_overshoot in (False, True):
        for candidate in candidates:
            if now <= limit:
                return kept
            trial = _without(kept, candidate, config, least)
            if trial is None:
                continue
            then = cost(trial.resized(config))
            if candidate.kind == "layers" and now - then > 2 * (now - limit) and not may_overshoot:
                continue
            kept, now = trial, then
    if now > limit:
        raise ValueError(f"the least that can be reached is {now:.4g}, the target is {limit:.4g}.")
    return kept


def smallest(config: EncoderConfig, cost: Cost, least: Mapping[str, int]) -> EncoderConfig:
    """The config of an encoder of which everything went that can go and costs something."""
    sizes = config.block_sizes
    importance = Importance(
        np.zeros(config.num_hidden_layers),
        [np.zeros(size.heads) for size in sizes],
        [np.zeros(size.units) for size in sizes],
    )
    kept = Kept.all_of(config)
    for candidate in _candidates(config, importance, cost, least):
        kept = _without(kept, candidate, config, least) or kept
    return kept.resized(config)


def _without(
    kept: Kept, candidate: _Candidate, config: EncoderConfig, least: Mapping[str, int]
) -> Kept | None:
    """What stays without the candidate; None if it is gone already, or must stay."""
    if candidate.kind == "layers":
        can_go = len(kept.layers) > max(1, least["layers"])
        return kept.without("layers", -1, candidate.numbers) if can_go else None
    blocks = kept.blocks(config)
    left = sum(len(getattr(kept, candidate.kind)[block]) for block in blocks)
    if candidate.block not in blocks or left - len(candidate.numbers) < least[candidate.kind]:
        return None
    there = getattr(kept, candidate.kind)[candidate.block]
    is_all = len(there) <= len(candidate.numbers)
    gone = not set(candidate.numbers) <= set(there)
    if is_all or gone:
        return None
    return kept.without(candidate.kind, candidate.block, candidate.numbers)


def _candidates(
    config: EncoderConfig, importance: Importance, cost: Cost, kinds: Collection[str]
) -> Iterator[_Candidate]:
    """Everything that may go. Of a kind, all that a block has; `_without` keeps the last."""
    whole, everything = cost(config), Kept.all_of(config)

    def saved(kind: str, block: int, numbers: Sequence[int]) -> float:
        return whole - cost(everything.without(kind, block, numbers).resized(config))

    for block, size in enumerate(config.block_sizes):
        for kind, count in (("heads", size.heads), ("units", size.units)):
            step = 1 if kind == "heads" or count < _TINY else _UNITS_AT_ONCE
            if kind not in kinds or count <= step:
                continue
            worth = getattr(importance, kind)[block]
            order = np.argsort(worth, kind="stable")
            order = order[: len(order) // step * step].reshape(-1, step)
            saves = saved(kind, block, order[0].tolist())  # all save the same
            for numbers in order if saves > 0 else ():
                density = float(worth[numbers].sum()) / saves
                yield _Candidate(density, kind, block, tuple(numbers.tolist()))
    if "layers" in kinds and config.can_lose_layers and config.num_hidden_layers > 1:
        for layer, worth in enumerate(importance.layers):
            saves = saved("layers", -1, [layer])
            if saves > 0:
                yield _Candidate(float(worth) / saves, "layers", -1, (layer,))

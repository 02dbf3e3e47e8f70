"""Who is on the Pareto front of score and cost, and who is beaten by whom."""

from collections.abc import Sequence


def beaten_by(
    costs: Sequence[float], scores: Sequence[float], lower_is_better: bool = False
) -> list[list[int]]:
    """For each contestant the ones that beat it; nobody beats those on the front.

    A contestant beats another if it is at least as good in both and better in one.

    Args:
      costs: lower is better.
      scores: one for each cost.
      lower_is_better: of the scores.
    """
    sign = -1 if lower_is_better else 1
    points = [(cost, -sign * score) for cost, score in zip(costs, scores, strict=True)]
    return [
        [number for number, other in enumerate(points) if _beats(other, point)] for point in points
    ]


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] <= other[0] and one[1] <= other[1]

"""The history of a run: what it remembers besides its variables, in the JSON of a checkpoint."""

import dataclasses
import statistics
from collections.abc import Mapping
from typing import Any

from bert_tf.config.experiment import TrainConfig

_RECENT = 10  # lines of the log a loss is compared with
_FEWEST = 5  # with fewer lines nothing is called a spike
MOST_SKIPS = 20


@dataclasses.dataclass
class History:
    """What determines how a run continues, besides its variables.

    All of it follows from steps and losses. So a resumed run decides like an unbroken one.

    Attributes:
      best: `step`, `metric`, `value` and all `metrics` of the best evaluation; empty before one.
      evaluations_since_best: number of evaluations since then that were not better.
      totals: the sums since the last log line, if the run was stopped between two lines.
      is_evaluation_due: the run was stopped before or in the evaluation of this step.
      recent_losses: of the last log lines.
      skipped: the rows that were passed over: `step` (after which), `from_row`, `to_row`, `reason`;
        rows are counted from the beginning of the phase of that step.
      phase_rows: how many rows each finished phase consumed.
    """

    best: dict[str, Any] = dataclasses.field(default_factory=dict)
    evaluations_since_best: int = 0
    totals: list[list[float]] = dataclasses.field(default_factory=list)
    is_evaluation_due: bool = False
    recent_losses: list[float] = dataclasses.field(default_factory=list)
    skipped: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    phase_rows: list[int] = dataclasses.field(default_factory=list)

    @classmethod
    def from_info(cls, info: Mapping[str, Any], train: TrainConfig) -> "History":
        """From the JSON of a checkpoint. A `best` of another metric is ignored."""
        history = cls(**info.get("history", {}))
        if history.best and history.best["metric"] != _metric(train):
            history.best, history.evaluations_since_best = {}, 0
        return history

    def add_evaluation(self, step: int, metrics: Mapping[str, float], train: TrainConfig) -> bool:
        """Adds an evaluation; returns whether it is the best so far.

        Raises:
          ValueError: the evaluation has no metric `train.keep_best`.
        """
        metric = _metric(train)
        if metric not in metrics:
            raise ValueError(
                f"train.keep_best is {metric!r}; an evaluation of this task has "
                f"{', '.join(sorted(metrics))}."
            )
        value = metrics[metric]
        if self.best and not _is_better(metric, value, self.best["value"]):
            self.evaluations_since_best += 1
            return False
        self.best = {"step": step, "metric": metric, "value": value, "metrics": dict(metrics)}
        self.evaluations_since_best = 0
        return True

    def is_over(self, train: TrainConfig) -> bool:
        """Whether `train.early_stop_patience` evaluations in a row were no better."""
        patience = train.early_stop_patience
        return 0 < patience <= self.evaluations_since_best

    def spike(self, loss: float, train: TrainConfig) -> str:
        """Adds the loss of a log line; returns a message if it is a spike, else ''."""
        usual = statistics.median(self.recent_losses) if self.recent_losses else 0.0
        enough = train.spike_factor and len(self.recent_losses) >= _FEWEST
        if enough and loss > train.spike_factor * usual:
            return f"the loss is {loss:.4g}, {loss / usual:.2f} times the median of the last lines"
        self.recent_losses = [*self.recent_losses[1 - _RECENT :], loss]
        return ""


def _metric(train: TrainConfig) -> str:
    return train.keep_best or "loss"


def _is_better(metric: str, value: float, best: float) -> bool:
    """Lower is better for losses, higher for all else. NaN is never better."""
    return best != best or (value < best if metric.endswith("loss") else value > best)

"""Fine-tuning steps in turn: ours with batches by length, and transformers on torch.

Everybody trains BertForSequenceClassification from the same Hugging Face folder on the rows of the
same labelled file with dropout, AdamW and clipping; figures are examples a second. A contestant of
transformers is written `transformers:DTYPE` (padded to the longest row of each batch) or
`transformers:DTYPE+full` (padded to the maximum).
"""

import functools
import os
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import apart
from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.measuring import harness
from bert_tf.measuring.child import UnavailableError
from bert_tf.measuring.harness import Contestant

OWN = ("bert_tf:float32", "bert_tf:mixed_bfloat16")
PEERS = (
    "transformers:float32+full",
    "transformers:bfloat16+full",
    "transformers:float32",
    "transformers:bfloat16",
)
_MODULES = {
    "bert_tf": "benchmarks.contestants.own_finetune_step",
    "transformers": "benchmarks.contestants.transformers_finetune_step",
}


def run(
    config: ExperimentConfig,
    *,
    train_file: str,
    init_checkpoint: str,
    contestants: Sequence[str],
    rounds: harness.Rounds,
    steps_per_round: int,
    peer_python: str | None = None,
) -> dict[str, Any]:
    """Measures each contestant in a process of its own, in turn.

    Args:
      config: recipe and format of the data; its `train.dtype` is that of each contestant.
      train_file: labelled file.
      init_checkpoint: Hugging Face folder of the encoder.
      contestants: of `OWN` and `PEERS`; the first is what the others are compared to.
      rounds: how often each is measured.
      steps_per_round: optimizer steps of a round.
      peer_python: interpreter with torch and transformers; None: this one.

    Returns:
      `comparisons` (see `harness.compare`) and `left_out` {contestant: why it cannot run here}.

    Raises:
      ValueError: an unknown contestant, a bad setting, or one failed.
    """
    unknown = [name for name in contestants if name not in (*OWN, *PEERS)]
    if unknown:
        known = ", ".join((*OWN, *PEERS))
        raise ValueError(f"unknown contestant {', '.join(unknown)}. Expected some of {known}.")
    settings = {
        "config": as_json.to_dict(config),
        "train_file": os.path.abspath(train_file),
        "init_checkpoint": os.path.abspath(init_checkpoint),
        "steps_per_round": steps_per_round,
    }
    running, left_out = [], {}
    try:
        for name in contestants:
            print(f"preparing {name}", file=sys.stderr, flush=True)
            python = peer_python if name in PEERS else None
            try:
                running.append(_start(name, settings, python))
            except UnavailableError as reason:
                left_out[name] = str(reason)
        if not running:
            raise ValueError(f"no contestant can run here: {left_out}")
        figures = harness.measure_in_turn(running, rounds)
    finally:
        for contestant in running:
            contestant.close()
    comparison = harness.compare("finetune", "examples/s", running, figures)
    return {"comparisons": [comparison], "goals": _goals(figures), "left_out": left_out}


def _start(name: str, settings: dict[str, Any], python: str | None) -> Contestant:
    library, _, setting = name.partition(":")
    settings = {**settings, "dtype": setting.removesuffix("+full"), "full": "+full" in setting}
    return apart.start(name, apart.worker(_MODULES[library], python), settings)


def _goals(figures: dict[str, list[float]]) -> dict[str, float]:
    """Median ratio of our best to each of the peers, round by round."""
    ours = [name for name in OWN if name in figures]
    if not ours:
        return {}
    best = max(ours, key=lambda name: statistics.median(figures[name]))
    ratio = functools.partial(harness.pair_ratios, figures[best])
    return {
        f"{best} / {name}": statistics.median(ratio(figures[name]))
        for name in PEERS
        if name in figures
    }


def report(result: dict[str, Any]) -> str:
    """The table of what `run` returned."""
    (comparison,) = result["comparisons"]
    columns = {
        "tokens a row": lambda e: harness.format_number(e["info"].get("tokens_per_row")),
        "peak MiB": lambda e: f"{(e['info'].get('peak_memory_bytes') or 0) / 2**20:,.0f}",
    }
    lines = [harness.table(comparison, columns)]
    lines += [f"{name}: {ratio:.2f} times" for name, ratio in result["goals"].items()]
    lines += [f"left out: {name}: {why}" for name, why in result["left_out"].items()]
    return "\n".join(lines)

"""Which training step is the fastest here: ours in several settings, and those of other libraries.

A contestant is written `LIBRARY:DTYPE` or `LIBRARY:DTYPE+xla`.
"""

import copy
import dataclasses
import importlib
import os
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import apart
from bert_tf import machine
from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.measuring import harness
from bert_tf.measuring.child import UnavailableError
from bert_tf.measuring.harness import Contestant
from bert_tf.training.flops import step_flops

LIBRARIES = {
    "bert_tf": "benchmarks.contestants.own_step",
    "keras_hub": "benchmarks.contestants.keras_hub_step",
    "garden": "benchmarks.contestants.garden_step",
    "transformers": "benchmarks.contestants.transformers_step",
    "transformers_gathered": "benchmarks.contestants.transformers_step",
}
SETTINGS = ("float32", "float32+xla", "mixed_bfloat16", "mixed_bfloat16+xla")
ALL = "all"
# Never in one process with Keras 3: Keras 2, and torch with threads of its own.
_WITHOUT_XLA = ("transformers", "transformers_gathered")
_APART = ("garden", *_WITHOUT_XLA)
_UNIT = "sequences/s"
_SHORT = {"masked_lm_loss": "MLM", "next_sentence_loss": "NSP"}
_OWN = "bert_tf"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A step that is to be measured.

    Attributes:
      package: key of `LIBRARIES`.
      setting: one of `SETTINGS`.
      data: folder of the rows it is measured on; empty: full rows of random tokens.
    """

    package: str
    setting: str
    data: str = ""

    @property
    def name(self) -> str:
        name = f"{self.package}:{self.setting}"
        return f"{name} on {os.path.basename(os.path.normpath(self.data))}" if self.data else name

    @property
    def dtype(self) -> str:
        return self.setting.removesuffix("+xla")

    @property
    def jit_compile(self) -> bool:
        return self.setting.endswith("+xla")

    @property
    def matmul_dtype(self) -> str:
        return self.dtype.removeprefix("mixed_")


def parse_entries(
    config: ExperimentConfig, words: Sequence[str], data: Sequence[str] = ()
) -> list[Entry]:
    """What the config asks for, on random and on real rows, then what it is measured against.

    Args:
      config: its `train.dtype` and `train.jit_compile` are the default of every library.
      words: `LIBRARY`, `LIBRARY:SETTING`, `LIBRARY:all`, or a setting of our own step.
      data: folders with rows for our own step.

    Returns:
      Each contestant once.

    Raises:
      ValueError: an unknown library or setting.
    """
    default = config.train.dtype + ("+xla" if config.train.jit_compile else "")
    entries = [Entry(_OWN, default), *(Entry(_OWN, default, folder) for folder in data)]
    for word in words:
        library, _, setting = word.partition(":")
        if library in SETTINGS:
            library, setting = _OWN, library
        setting = setting or default
        if library not in LIBRARIES or setting not in (*SETTINGS, ALL):
            raise ValueError(
                f"unknown contestant {word!r}. Expected one of {', '.join(LIBRARIES)}, alone or "
                f"with a setting ({_OWN}:SETTING); settings: {', '.join(SETTINGS)}, {ALL}."
            )
        can_run = [s for s in SETTINGS if library not in _WITHOUT_XLA or not s.endswith("+xla")]
        if setting != ALL and setting not in can_run:
            raise ValueError(f"{library} has no XLA; expected {' or '.join(can_run)} for it.")
        entries += [Entry(library, s) for s in (can_run if setting == ALL else [setting])]
    return list(dict.fromkeys(entries))


def run(
    config: ExperimentConfig,
    against: Sequence[str],
    *,
    rounds: harness.Rounds,
    steps_per_round: int,
    data: Sequence[str] = (),
    isolate: bool = True,
    pythons: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Measures the step of `config` and those it is measured against, in turn.

    Args:
      config: of our step; other libraries get the same shape, optimizer and batches.
      against: see `parse_entries`.
      rounds: how often each is measured.
      steps_per_round: optimizer steps of a round.
      data: folders made by scripts/create_pretraining_data.py: our step on their rows too.
      isolate: every contestant in its own process, so that its peak memory is its own. Those of
        `_APART` always are.
      pythons: {library: interpreter} where it is not the current one.

    Returns:
      `comparisons` (see `harness.compare`) and `left_out` {library: why it cannot run here}.

    Raises:
      ValueError: bad settings, or a contestant failed.
    """
    config.check()
    entries = parse_entries(config, against, data)
    settings = {"config": as_json.to_dict(config), "steps_per_round": steps_per_round}
    contestants, left_out = {}, {}
    try:
        for entry in entries:
            if entry.package in left_out:
                continue
            print(f"preparing {entry.name}", file=sys.stderr, flush=True)
            try:
                contestants[entry] = _prepare(entry, settings, isolate, pythons or {})
            except UnavailableError as reason:
                left_out[entry.package] = str(reason)
        ceilings = {e.matmul_dtype: _matmul_ceiling(e.matmul_dtype) for e in contestants}
        figures = harness.measure_in_turn([*contestants.values(), *ceilings.values()], rounds)
    finally:
        for contestant in contestants.values():
            contestant.close()
    for entry, contestant in contestants.items():
        ceiling = figures[ceilings[entry.matmul_dtype].name]
        tokens_per_row = contestant.info.get("tokens_per_row", config.data.max_seq_length)
        contestant.info |= _arithmetic(
            entry, config, tokens_per_row, figures[contestant.name], ceiling
        )
    return {
        "comparisons": [
            harness.compare("train", _UNIT, [*contestants.values()], figures),
            harness.compare("best", _UNIT, _best_of_each_library(contestants, figures), figures),
            *(
                harness.compare("ceiling", "GFLOP/s", [ceiling], figures)
                for ceiling in ceilings.values()
            ),
        ],
        "left_out": left_out,
    }


def _best_of_each_library(
    contestants: dict[Entry, Contestant], figures: dict[str, list[float]]
) -> list[Contestant]:
    """The one with the largest median, library by library, ours first."""
    best = {}
    for entry, contestant in contestants.items():
        if entry.data:  # not the same work
            continue
        median = statistics.median(figures[contestant.name])
        best[entry.package] = max(
            best.get(entry.package, (median, contestant)), (median, contestant), key=lambda b: b[0]
        )
    return [contestant for _, contestant in best.values()]


def _prepare(
    entry: Entry, settings: dict[str, Any], isolate: bool, pythons: dict[str, str]
) -> Contestant:
    settings = copy.deepcopy(settings) | {"package": entry.package, "data": entry.data}
    settings["config"]["train"] |= {"dtype": entry.dtype, "jit_compile": entry.jit_compile}
    module = LIBRARIES[entry.package]
    if not isolate and entry.package not in _APART:
        try:
            measure_round, info = importlib.import_module(module).make_round(settings)
        except ImportError as error:
            raise UnavailableError(str(error)) from error
        return Contestant(entry.name, measure_round, info)
    return apart.start(entry.name, apart.worker(module, pythons.get(entry.package)), settings)


def _matmul_ceiling(dtype: str) -> Contestant:
    """The fastest this machine multiplies matrices in `dtype`, in GFLOP/s."""
    measure = machine.matmul_rate(dtype)
    return Contestant(name=f"matmul {dtype}", measure_round=lambda: measure() / 1e9)


def _arithmetic(
    entry: Entry,
    config: ExperimentConfig,
    tokens_per_row: float,
    figures: list[float],
    ceiling: list[float],
) -> dict[str, Any]:
    """What the sequences per second mean for tokens, operations and the machine's ceiling."""
    flops = step_flops(config)
    gflops = [figure / config.train.global_batch_size * flops / 1e9 for figure in figures]
    return {
        "dtype": entry.dtype,
        "xla": entry.jit_compile,
        "tokens_per_second": statistics.median(figures) * tokens_per_row,
        "model_flops_per_step": flops,
        "gflops_per_second": statistics.median(gflops),
        "share_of_matmul_ceiling": statistics.median(harness.pair_ratios(gflops, ceiling)),
    }


def report(result: dict[str, Any]) -> str:
    """The tables of what `run` returned."""

    def mebibytes(entry: dict) -> str:
        peak = entry["info"].get("peak_memory_bytes")
        return f"{peak / 2**20:,.0f}" if peak else ""

    columns = {
        "tokens/s": lambda e: harness.format_number(e["info"]["tokens_per_second"]),
        "GFLOP/s": lambda e: harness.format_number(e["info"]["gflops_per_second"]),
        "of matmul": lambda e: f"{e['info']['share_of_matmul_ceiling']:.0%}",
        "peak MiB": mebibytes,
        "trains": lambda e: "+".join(_SHORT[name] for name in e["info"]["trains"]),
    }
    steps, best, *ceilings = result["comparisons"]
    lines = [harness.table(steps, columns)]
    flops = steps["contestants"][0]["info"]["model_flops_per_step"]
    lines += [
        f"best of each: {r['first']} is {r['median']:.2f} ({r['min']:.2f}-{r['max']:.2f}) times as "
        f"fast as {r['other']}"
        for r in best["ratios"]
    ]
    lines.append(f"model FLOPs of a step: {harness.format_number(flops / 1e9)} G")
    for ceiling in ceilings:
        (entry,) = ceiling["contestants"]
        median, best = (harness.format_number(entry[key]) for key in ("median", "max"))
        lines.append(f"{entry['name']}, 2048^3: {median} GFLOP/s (best {best})")
    lines += [f"left out: {name}: {why}" for name, why in result["left_out"].items()]
    return "\n".join(lines)

"""What the models of a pruning cost: a line for each round, and a table of before and after."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.pruning.target import cost


def costs(
    config: ExperimentConfig, model: keras.Model, milliseconds: float, of_first: float
) -> dict[str, Any]:
    """What a model costs, for JSON.

    Args:
      config: has the task and the length of the sequences.
      model: has an `encoder`.
      milliseconds, of_first: of a text, of this model and of the one before pruning, in turn.

    Returns:
      `layers`; `heads` and `units` of each block with weights of its own; `all_parameters`, and
      `parameters` of the blocks; `flops` of a sequence; `milliseconds`; `latency`, the share of the
      time before.
    """
    encoder = model.encoder.config
    return {
        "layers": encoder.num_hidden_layers,
        "heads": [size.heads for size in encoder.block_sizes],
        "units": [size.units for size in encoder.block_sizes],
        "all_parameters": sum(weight.shape.num_elements() for weight in model.weights),
        "parameters": cost("parameters", config, encoder),
        "flops": cost("flops", config, encoder),
        "milliseconds": milliseconds,
        "latency": milliseconds / of_first,
    }


def line(rows: Sequence[Mapping[str, Any]], number: int, rounds: int) -> str:
    """One line about a finished round.

    Args:
      rows: of the model before and of all rounds so far: `costs` and `scores`.
      number: of the round, from 1 on.
      rounds: how many there are.
    """
    before, last, row = rows[0], rows[number - 1], rows[number]
    gone = {
        "layers": last["layers"] - row["layers"],
        "heads": sum(last["heads"]) - sum(row["heads"]),
        "units": sum(last["units"]) - sum(row["units"]),
    }
    went = ", ".join(f"{count:,} {kind}" for kind, count in gone.items() if count)
    score = ""
    for name in row["known_by"]:
        if name in row["scores"] and name in before["scores"]:
            score = f"; {name} {row['scores'][name]:.4f} ({before['scores'][name]:.4f} before)"
    return (
        f"round {number} of {rounds}: without {went or 'anything more'}; "
        f"{row['parameters'] / before['parameters']:.3f} of the blocks' parameters, "
        f"{row['flops'] / before['flops']:.3f} of the FLOPs, {row['latency']:.3f} of the "
        f"latency ({row['milliseconds']:.2f} ms){score}"
    )


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of a table of before and after; `rows` as for `line`."""
    before, after = rows[0], rows[-1]
    lines = [("", "before", "after", "share"), _line("layers", before, after, "layers", "{}")]
    for kind in ("heads", "units"):
        texts = (" ".join(map(str, row[kind])) for row in (before, after))
        share = sum(after[kind]) / sum(before[kind])
        lines.append((f"{kind} of each block", *texts, f"{share:.3f}"))
    lines += [
        _line("parameters of the blocks", before, after, "parameters", "{:,}"),
        _line("parameters in all", before, after, "all_parameters", "{:,}"),
        _line("FLOPs of a sequence", before, after, "flops", "{:.4g}"),
    ]
    times = [f"{row['milliseconds']:.2f}" for row in (before, after)]
    lines.append(("milliseconds of a text", *times, f"{after['latency']:.3f}"))
    for name, value in after["scores"].items():
        if name in before["scores"]:
            lines.append((name, f"{before['scores'][name]:.4f}", f"{value:.4f}", ""))
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _line(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], key: str, form: str
) -> tuple[str, str, str, str]:
    share = f"{after[key] / before[key]:.3f}"
    return name, form.format(before[key]), form.format(after[key]), share

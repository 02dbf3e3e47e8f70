"""Models that were compared: tables for the terminal and the page; the numbers are the JSON's."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bert_tf.report import charts, page
from bert_tf.report.page import Cell, number

Result = Mapping[str, Any]
_MIB, _GIGA = 2.0**20, 1e9


def columns(result: Result) -> tuple[list[str], list[list[str]]]:
    """(head, rows) of the table for a terminal."""
    head = ["model", result["metric"], "(95 %)", "difference"]
    for size in result["batch_sizes"]:
        head += [f"ms at {size}", "p99", "texts/s", "times as fast"]
    head += ["MiB", "memory MiB"] if result["batch_sizes"] else ["MiB"]
    rows = []
    for one in result["models"]:
        change = one["difference"]
        row = [
            one["name"],
            f"{one['score']:.4f}",
            f"({one['low']:.4f}-{one['high']:.4f})",
            f"{change['difference']:+.4f}" if change else "",
        ]
        for size in result["batch_sizes"]:
            speed = one["speed"][str(size)]
            row += [f"{speed['median_ms']:.4g}", f"{speed['p99_ms']:.4g}"]
            row += [f"{speed['texts_per_second']:.4g}", ratio(speed)]
        row.append(f"{one['bytes'] / _MIB:,.1f}")
        if result["batch_sizes"]:
            row.append(_in_mib(one["memory_bytes"]))
        rows.append(row)
    return head, rows


def ratio(speed: Mapping[str, Any]) -> str:
    """How many times as fast as the first, with its range over the rounds."""
    found = speed["ratio"]
    return f"{found['median']:.2f} ({found['min']:.2f}-{found['max']:.2f})" if found else ""


def _in_mib(count: int | None) -> str:
    return "" if count is None else f"{count / _MIB:,.0f}"


def sections(result: Result) -> Iterator[tuple[str, str]]:
    """(heading, HTML): the picture with the Pareto front, scores, speed, size, how it was done."""
    models = result["models"]
    yield (
        "",
        page.tiles(
            {
                "models": str(len(models)),
                result["unit"]: f"{result['rows']:,}",
                "score": result["metric"].replace("_", " "),
                "the others are compared with": models[0]["name"],
            }
        ),
    )
    if result["batch_sizes"]:
        yield "Score against latency", _front(result)
    yield "Scores", _scores(result)
    if result["batch_sizes"]:
        yield "Speed", _speed(result)
    yield "Size", _size(result)
    yield "How it was measured", _how(result)


def _front(result: Result) -> str:
    size = str(result["batch_sizes"][0])
    points = [
        {
            "latency": one["speed"][size]["median_ms"],
            "score": one["score"],
            "low": one["low"],
            "high": one["high"],
            "is_on_front": one["is_on_front"],
        }
        for one in result["models"]
    ]
    is_lower = result["lower_is_better"]
    rows = [
        [
            number(place),
            Cell(one["name"]),
            number(one["score"]),
            number(one["speed"][size]["median_ms"], 2),
            Cell("on the front" if one["is_on_front"] else "beaten"),
            Cell(", ".join(one["beaten_by"])),
        ]
        for place, one in enumerate(result["models"], 1)
    ]
    head = ["point", "model", "score", "milliseconds", "Pareto front", "beaten by"]
    metric = result["metric"].replace("_", " ")
    picture = charts.trade_off(points, f"{metric}{' (lower is better)' if is_lower else ''}", size)
    return (
        f"<figure>{picture}</figure>"
        + page.paragraph(
            "A point is a model, with the number of its row below. The line is the Pareto front: "
            "the models that no other one beats. A model beats another if it is at least as good "
            "in score and latency, and better in one of them. The bars are intervals of 95 % of "
            "the score (bootstrap over the rows): where they overlap much, look at the paired "
            "difference in the next table."
        )
        + page.sortable("Who is on the Pareto front, and who is beaten", head, rows, "front")
    )


def _scores(result: Result) -> str:
    others = list(dict.fromkeys(name for one in result["models"] for name in one["scores"]))
    others = [name for name in others if name != result["metric"]]
    head = ["model", "form", result["metric"], "from", "to", "difference", "from", "to", "p"]
    rows = []
    for one in result["models"]:
        change = one["difference"] or dict.fromkeys(("difference", "low", "high", "p_value"))
        rows.append(
            [
                Cell(one["name"]),
                Cell(_form(one)),
                *(number(one[key]) for key in ("score", "low", "high")),
                *(number(change[key]) for key in ("difference", "low", "high")),
                number(change["p_value"], 3),
                *(number(one["scores"].get(name)) for name in others),
            ]
        )
    caption = (
        "Score with its interval of 95 %, and the difference from the first model: paired "
        "bootstrap over the rows, with its interval and two-sided p value"
    )
    return page.sortable(caption, [*head, *others], rows, "scores")


def _form(one: Mapping[str, Any]) -> str:
    return f"{one['form'].replace('_', ' ')} {one['precision'].replace('_', ' ')}"


def _speed(result: Result) -> str:
    parts = []
    for size in result["batch_sizes"]:
        rows = []
        for one in result["models"]:
            speed = one["speed"][str(size)]
            found = speed["ratio"] or dict.fromkeys(("median", "min", "max"))
            rows.append(
                [
                    Cell(one["name"]),
                    number(speed["median_ms"], 2),
                    number(speed["p99_ms"], 2),
                    number(speed["texts_per_second"], 1),
                    *(number(found[key], 2) for key in ("median", "min", "max")),
                    number(speed["requests"]),
                ]
            )
        caption = (
            f"{size} text{'s' if size > 1 else ''} at a time: milliseconds of a request, texts per "
            "second, and how many times as fast as the first model, round by round"
        )
        head = ["model", "median ms", "p99 ms", "texts/s", "times as fast", "from", "to"]
        parts.append(page.sortable(caption, [*head, "requests"], rows, f"speed-{size}"))
    return "".join(parts)


def _size(result: Result) -> str:
    rows = []
    for one in result["models"]:
        cells = [
            Cell(one["name"]),
            number(one["bytes"] / _MIB, 1),
            number(one["parameters"]),
            number(one["flops"] / _GIGA, 3),
        ]
        if result["batch_sizes"]:
            memory = (one["memory_bytes"], one["model_memory_bytes"])
            cells += [number(value and value / _MIB, 0) for value in memory]
            cells.append(number(one["load_seconds"], 2))
        rows.append(cells)
    head = ["model", "MiB on disk", "parameters", "GFLOPs a text"]
    if result["batch_sizes"]:
        head += ["memory MiB", "of it the model", "load seconds"]
    caption = (
        "Files, parameters, operations for a text of average length; resident memory of a process "
        "that has only this model, and what it grew by since it began to load it"
    )
    return page.sortable(caption, head, rows, "size")


def _how(result: Result) -> str:
    machine = result["machine"]
    lines = [f"data: {result['data']}"]
    lines += [f"{one['name']}: {one['path']}" for one in result["models"]]
    lines += [f"processor: {machine['cpu']}, {machine['usable_cores']} cores"]
    if result["batch_sizes"]:
        lines += [
            f"rounds: {result['rounds']}, in which all take turns; one before them does not count",
            f"threads: {result['num_threads']}; tokenization is part of the time",
            f"load average when it ended: {', '.join(f'{v:.2f}' for v in machine['load_average'])}",
        ]
    return page.preformatted("\n".join(lines))


def lines(result: Result) -> Sequence[str]:
    """Who is on the front and who is beaten, for a terminal."""
    if not result["batch_sizes"]:
        return []
    front = [one["name"] for one in result["models"] if one["is_on_front"]]
    beaten = [
        f"{one['name']}: beaten by {', '.join(one['beaten_by'])}"
        for one in result["models"]
        if not one["is_on_front"]
    ]
    return [f"on the Pareto front: {', '.join(front)}", *beaten]

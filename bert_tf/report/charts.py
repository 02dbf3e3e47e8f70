"""Charts as SVG to stand inside of an HTML page, drawn by Matplotlib.

Text stays text, so that it can be found and read aloud. Colours of text and axes are those of the
page, which may be light or dark.
"""

import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence

_WIDE, _HALF = (5.6, 2.5), (4.0, 2.3)  # inches; wider ones cannot be read on a phone
_COLORS = ("#1f6fb4", "#d9541e", "#2a8f4d", "#8a4fb0", "#b08a00", "#777777")
# Stand-ins for what the page decides.
_SOFT, _LINE = "#010203", "#010204"
_PAGE_COLORS = {_SOFT: "var(--soft)", _LINE: "var(--line)"}
_FEW = 30  # points of a curve that are marked
_LOOK = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bert_tf",  # the same chart gives the same bytes
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _SOFT,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "axes.formatter.useoffset": False,
    "legend.frameon": False,
}


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]], x_label: str, *, is_half: bool = False
) -> str:
    """Curves over one x.

    Args:
      series: {name: points (x, y)}, all finite, at least one point each.
      x_label: what x is.
      is_half: drawn for half the width of the page.
    """

    def draw(axes):
        for number, (name, points) in enumerate(series.items()):
            marker = "o" if len(points) < _FEW else None
            color = _COLORS[number % len(_COLORS)]
            label = name.replace("_", " ")
            axes.plot(*zip(*points, strict=True), label=label, marker=marker, ms=3, color=color)
        axes.set_xlabel(x_label)
        if len(series) == 1:
            axes.set_ylabel(next(iter(series)).replace("_", " "))
        else:
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))

    said = f"{', '.join(series)} by {x_label}"
    return _svg(draw, said, _HALF if is_half else _WIDE)


def bars(edges: Sequence[float], heights: Sequence[float], x_label: str, y_label: str) -> str:
    """A histogram.

    Args:
      edges: where the bars begin, and where the last one ends.
      heights: one less.
      x_label, y_label: what they are.
    """

    def draw(axes):
        axes.stairs(heights, edges, fill=True, color=_COLORS[0])
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.yaxis.set_major_formatter("{x:,.0f}")

    return _svg(draw, f"Histogram: {y_label} by {x_label}", _WIDE)


def reliability(bins: Sequence[Mapping[str, float]]) -> str:
    """Accuracy by confidence, against the line on which both are equal; below, how many answers.

    Args:
      bins: `from`, `to`, `count`, `confidence` and `accuracy` of each.
    """

    def draw(figure):
        axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        axes.plot([0, 1], [0, 1], color=_SOFT, lw=1, ls="--", label="confidence is accuracy")
        width = [one["to"] - one["from"] for one in bins]
        left = [one["from"] for one in bins]
        axes.bar(
            left,
            [one["accuracy"] for one in bins],
            width,
            align="edge",
            color=_COLORS[0],
            edgecolor="none",
            alpha=0.75,
        )
        places = [[one["confidence"] for one in bins], [one["accuracy"] for one in bins]]
        axes.plot(*places, "o", ms=4, color=_COLORS[1], label="mean of a bin")
        axes.set_ylim(0, 1.02)
        axes.set_xlim(0, 1)
        axes.set_ylabel("accuracy")
        axes.legend(loc="upper left")
        counts.bar(left, [one["count"] for one in bins], width, align="edge", color=_COLORS[5])
        counts.set_xlabel("confidence")
        counts.set_ylabel("answers")

    return _figure(draw, "Accuracy of the answers by their confidence", (5.4, 3.8))


def thresholds(curves: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Precision, recall and F1 by threshold, a chart for each of `curves`, two in a row.

    Args:
      curves: {title: [threshold, precision, recall, F1] points}, at least one point each.
    """
    num_rows = -(-len(curves) // 2)

    def draw(figure):
        grid = figure.subplots(num_rows, 2, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, (title, points) in zip(grid, curves.items(), strict=False):
            threshold, *rates = zip(*points, strict=True)
            for name, values, color in zip(
                ("precision", "recall", "F1"), rates, _COLORS, strict=False
            ):
                axes.plot(threshold, values, color=color, label=name)
            axes.set_title(_short(title), fontsize=9)
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1.02)
        for axes in grid[len(curves) :]:
            axes.set_visible(False)
        for axes in grid[max(0, len(curves) - 2) :]:
            axes.set_xlabel("threshold")
        grid[0].legend(loc="lower left")

    said = f"Precision, recall and F1 by threshold of {', '.join(curves)}"
    return _figure(draw, said, (7.4, 2.1 * num_rows + 0.3))


def scatter(points: Sequence[Sequence[float]], bins: Sequence[Mapping[str, float]]) -> str:
    """Given numbers by expected ones, and the means of bins of like answers.

    Args:
      points: [expected, given] each.
      bins: mean `given` and `expected` of each.
    """

    def draw(figure):
        axes = figure.subplots()
        expected, given = zip(*points, strict=True)
        ends = [min(*expected, *given), max(*expected, *given)]
        axes.plot(ends, ends, color=_SOFT, lw=1, ls="--", label="given is expected")
        axes.plot(expected, given, "o", ms=2.5, color=_COLORS[0], alpha=0.5, label="texts")
        means = [[one["expected"] for one in bins], [one["given"] for one in bins]]
        axes.plot(*means, "o-", ms=4, color=_COLORS[1], label="means of like answers")
        axes.set_xlabel("expected")
        axes.set_ylabel("given")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))

    return _figure(draw, "Given numbers by expected ones", (6.4, 3.6))


def _short(title: str, most: int = 40) -> str:
    """A title that fits, and in which nothing is a formula."""
    title = title if len(title) <= most else f"{title[: most - 1]}…"
    return title.replace("$", r"\$")


def trade_off(points: Sequence[Mapping[str, float]], score: str, batch_size: str) -> str:
    """Score against latency, a numbered point for each model, and the line of the Pareto front.

    Args:
      points: `latency` in milliseconds, `score` with `low` and `high`, `is_on_front`.
      score: what the score is.
      batch_size: of the latency.
    """

    def draw(axes):
        from matplotlib.ticker import LogLocator, NullLocator

        front = sorted((p["latency"], p["score"]) for p in points if p["is_on_front"])
        axes.plot(*zip(*front, strict=True), color=_COLORS[2], lw=1.2, drawstyle="steps-post")
        for place, point in enumerate(points, 1):
            at = (point["latency"], point["score"])
            color = _COLORS[2] if point["is_on_front"] else _COLORS[5]
            axes.plot([at[0]] * 2, [point["low"], point["high"]], color=color, lw=1, alpha=0.6)
            axes.plot(*at, "o", ms=6, color=color)
            axes.annotate(str(place), at, (6, 4), textcoords="offset points", fontsize=9)
        axes.set_xscale("log")
        latencies = [point["latency"] for point in points]
        axes.set_xlim(0.7 * min(latencies), 1.4 * max(latencies))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        texts = "text" if batch_size == "1" else "texts"
        axes.set_xlabel(f"median milliseconds of a request with {batch_size} {texts}")
        axes.set_ylabel(score)

    return _svg(draw, f"{score} against latency of {len(points)} models", (5.6, 3.2))


def _svg(draw: Callable, said: str, size: tuple[float, float]) -> str:
    """A chart on one pair of axes, see `_figure`."""
    return _figure(lambda figure: draw(figure.subplots()), said, size)


def _figure(draw: Callable, said: str, size: tuple[float, float]) -> str:
    """The chart of so many inches that `draw(figure)` makes; `said` is read aloud."""
    import matplotlib  # takes a second: most runs end without having needed it
    from markupsafe import escape
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_LOOK):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        output = io.StringIO()
        nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
        figure.savefig(output, format="svg", transparent=True, metadata=nothing)
    text = output.getvalue()
    text = text[text.index("<svg") :].replace(
        "<svg ", f'<svg role="img" aria-label="{escape(said)}" ', 1
    )
    for color, ours in _PAGE_COLORS.items():
        text = text.replace(color, ours)
    # Inside of HTML no namespaces are named. A size in points would be taken for that of the page.
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href", "href")
    return _with_own_ids(re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2))


def _with_own_ids(text: str) -> str:
    """The chart with ids that no other chart of the page has, and only those that are used."""
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', text))
    own = hashlib.sha256(text.encode()).hexdigest()[:8]

    def renamed(found: re.Match) -> str:
        return f' id="{own}-{found[1]}"' if found[1] in used else ""

    text = re.sub(r' id="([^"]+)"', renamed, text)
    return re.sub(r'(url\(|href=")#', rf"\g<1>#{own}-", text)

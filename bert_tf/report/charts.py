"""Charts as SVG to stand inside of an HTML page, drawn by Matplotlib.

Text stays text, so that it can be found and read aloud. Colours of text and axes are those of the
page, which may be light or dark.
"""

import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence

_WIDE, _HALF = (7.4, 2.7), (4.0, 2.3)  # inches
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


def _svg(draw: Callable, said: str, size: tuple[float, float]) -> str:
    """The chart of so many inches that `draw(axes)` makes; `said` is read aloud."""
    import matplotlib  # takes a second: most runs end without having needed it
    from markupsafe import escape
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_LOOK):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
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

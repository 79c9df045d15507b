"""`Chart`: a picture of figures as SVG in the page's own colours, with the same figures as text and as a table."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import get_args

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from musl.evaluation.records import Failure

# matplotlib draws in these colours; the page's own take their place, so that one picture serves light, dark and print.
SERIES = tuple(f"#0101{number:02x}" for number in range(1, 9))
INK, FAINT, ACCENT = "#020202", "#030303", "#040404"
PASSED = "passed"  # what is shown for the failure ""
KINDS: tuple[str, ...] = tuple(name or PASSED for name in get_args(Failure))
KIND_COLOURS = {name: f"#0505{number:02x}" for number, name in enumerate(KINDS, 1)}
_OF_PAGE = {
    INK: "currentColor",
    FAINT: "var(--rule)",
    ACCENT: "var(--accent)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, 1)},
    **{colour: f"var(--kind-{name})" for name, colour in KIND_COLOURS.items()},
}
_STYLE: dict[RcKeyType, object] = {
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and shown in the page's font
    "svg.hashsalt": "musl",
    "font.size": 10,
    "text.parse_math": False,  # names are no formulas
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@dataclass(frozen=True)
class Chart:
    """A picture and what it shows: `summary` in a sentence, and as a table of `head` and `rows`."""

    name: str
    title: str
    summary: str
    svg: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide: bool = False


def draw(
    name: str, title: str, summary: str, paint: Callable[[Axes], None], width: float = 4.6, height: float = 3.0
) -> str:
    """What `paint` puts on axes of `width` x `height` inches, as an `<svg>` element for a page: its ids begin with
    `name`, its colours and font are the page's, and it has words for those who do not see it."""
    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")  # not pyplot's, so nothing is kept
        paint(figure.add_subplot())
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    opening = re.search(r'<svg[^>]*?(viewBox="[^"]*")[^>]*>', text)
    assert opening is not None
    body = _themed(text[opening.end() :], name).strip()
    words = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-text">{escape(summary)}</desc>'
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return (
        f'<svg class="chart" role="img" aria-labelledby="{name}-title {name}-text" {spaces} {opening[1]}>{words}{body}'
    )


def _themed(svg: str, name: str) -> str:
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r"#0[1-5]0[1-5][0-9a-f]{2}\b", lambda match: _OF_PAGE.get(match[0], match[0]), svg)
    return re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", svg)


def chart_height(rows: Sequence[object], each: float = 0.34, rest: float = 0.9) -> float:
    """Inches for a chart with a row for each of `rows`."""
    return rest + each * len(rows)

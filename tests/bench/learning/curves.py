"""Learning curves as a picture: error over number of samples, a panel for each problem."""

from __future__ import annotations

import html
import math
from typing import NamedTuple

COLUMNS = 4
PANEL = (240, 168)
MARGIN = (44, 24)  # Left of and above the axes of a panel.
AXES = (138, 118)
HEAD = 78  # Title and legend above the panels.
LABEL_HEIGHT = 10
# Errors beyond these are drawn there: exact fits, and failures, would flatten everything else.
LEAST, MOST = 1e-8, 10.0
# How peers are called in the picture; those of values alone are not among the best peers.
NAMES = {
    "torch_published": "published",
    "torch_global": "repaired",
    "torch_held_out": "held out",
    "jax_global": "repaired",
    "genn": "GENN",
    "jenn": "JENN",
    "gekpls": "GEKPLS",
}


class Line(NamedTuple):
    label: str  # At the end of the line.
    colour: str  # Of Okabe and Ito, which most colour-blind people tell apart.
    width: float
    marker: str  # A path around the origin: shapes tell the lines apart without colours.
    legend: str


LINES = {
    "auto": Line(
        "auto", "#0072b2", 2.4, "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z", "automatic choice in 30 s"
    ),
    "quick": Line(
        "quick", "#009e73", 1.8, "M0 -3.6L3.6 0L0 3.6L-3.6 0z", "automatic choice in half a second"
    ),
    "best": Line("", "#d55e00", 1.3, "M0 -3.4L3 2.4L-3 2.4z", "best peer with derivatives, named"),
    "values": Line(
        "values", "#666666", 1.3, "M-2.3 -2.3h4.6v4.6h-4.6z", "published recipe, values alone"
    ),
}


def text(x, y, words, anchor="middle", size=9, colour="#222222"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{colour}">{html.escape(words)}</text>'
    )


class Axis:
    """Logarithms of values to positions."""

    def __init__(self, values, start, length):
        self.low, self.high = math.log10(min(values)), math.log10(max(values))
        margin = 0.2 if self.high - self.low < 0.3 else 0.06 * (self.high - self.low)
        self.low, self.high = self.low - margin, self.high + margin
        self.start, self.length = start, length

    def __call__(self, value):
        return self.start + self.length * (math.log10(value) - self.low) / (self.high - self.low)

    def ticks(self):
        """At most about five powers of ten within; and 2 and 5 times them if there are few."""
        first, last = math.ceil(self.low), math.floor(self.high)
        powers = [10.0**k for k in range(first, last + 1, max(1, (last - first) // 4))]
        if len(powers) > 2:
            return powers
        finer = [digit * 10.0**k for k in range(first - 1, last + 1) for digit in (1, 2, 5)]
        return [tick for tick in finer if self.low <= math.log10(tick) <= self.high]


def tick_text(value):
    """0.05, 1e-4."""
    if value >= 1e-3:
        return f"{value:g}"
    digit, power = f"{value:.0e}".split("e")
    return f"{digit}e{int(power)}"


def spread(positions, low, high):
    """Positions of labels near those asked for, a line of text apart and within the ends."""
    order = sorted(range(len(positions)), key=positions.__getitem__)
    found = list(positions)
    for before, after in zip(order, order[1:], strict=False):
        found[after] = max(found[after], found[before] + LABEL_HEIGHT)
    over = max((found[i] for i in order), default=high) - high
    if over > 0:
        found[order[-1]] -= over
        for after, before in zip(order[::-1], order[-2::-1], strict=False):
            found[before] = min(found[before], found[after] - LABEL_HEIGHT)
    return [max(position, low) for position in found]


def curves_of(table, problem, measure):
    """{name of the line: [(samples, error, method)]}, without lines that have no point.

    The best peer of each number of samples is one of those that were tried as often as any other.
    """
    sizes = sorted(size for name, size in table.rows if name == problem)
    counts = {
        peer: sum(bool(table.of_seeds(peer, (problem, size))) for size in sizes)
        for peer in NAMES
        if peer in table.methods
    }
    tried = [peer for peer, count in counts.items() if count == max(counts.values())]
    found = {}
    choices = {"auto": ["auto"], "quick": ["quick"], "best": tried, "values": ["torch_value"]}
    for name, methods in choices.items():
        best = [(size, table.least(methods, (problem, size), measure)) for size in sizes]
        curve = [(size, min(max(least[0], LEAST), MOST), least[1]) for size, least in best if least]
        if curve:
            found[name] = curve
    return found


def draw_line(line, curve, x, y):
    path = " ".join(f"{x(samples):.1f},{y(error):.1f}" for samples, error, _ in curve)
    yield (
        f'<polyline points="{path}" fill="none" stroke="{line.colour}" '
        f'stroke-width="{line.width}"/>'
    )
    for samples, error, _ in curve:
        place = f"translate({x(samples):.1f} {y(error):.1f})"
        yield f'<path d="{line.marker}" transform="{place}" fill="{line.colour}"/>'


def panel(name, curves, left, top):
    points = [point for curve in curves.values() for point in curve]
    x = Axis([point[0] for point in points], left + MARGIN[0], AXES[0])
    y = Axis([point[1] for point in points], top + MARGIN[1] + AXES[1], -AXES[1])
    below, right = top + MARGIN[1] + AXES[1], left + MARGIN[0] + AXES[0]
    lines = [
        text(left + MARGIN[0], top + MARGIN[1] - 6, name, "start", 11),
        f'<rect x="{left + MARGIN[0]}" y="{top + MARGIN[1]}" width="{AXES[0]}" '
        f'height="{AXES[1]}" fill="none" stroke="#bbbbbb"/>',
    ]
    for samples in sorted({point[0] for point in points}):
        lines.append(text(x(samples), below + 12, str(samples)))
    for tick in y.ticks():
        lines.append(text(left + MARGIN[0] - 4, y(tick) + 3, tick_text(tick), "end"))
        lines.append(f'<path d="M{left + MARGIN[0]} {y(tick):.1f}h{AXES[0]}" stroke="#eeeeee"/>')
    drawn = list(curves)[::-1]  # Ours on top.
    for key in drawn:
        lines += draw_line(LINES[key], curves[key], x, y)
    ends = spread([y(curves[key][-1][1]) + 3 for key in drawn], top + MARGIN[1] + 3, below + 3)
    for key, end in zip(drawn, ends, strict=True):
        label = LINES[key].label or NAMES[curves[key][-1][2]]
        lines.append(text(right + 5, end, label, "start", 10, LINES[key].colour))
    return lines


def legend():
    left = 12
    for line in LINES.values():
        place = f"translate({left + 12} 56)"
        yield f'<path d="M{left} 56h24" stroke="{line.colour}" stroke-width="{line.width}"/>'
        yield f'<path d="{line.marker}" transform="{place}" fill="{line.colour}"/>'
        yield text(left + 30, 60, line.legend, "start", 12, line.colour)
        left += 50 + 6 * len(line.legend)


def draw(table, measure, title):
    """An SVG document with a panel for each problem of which a choice of ours has results."""
    problems = dict.fromkeys(row[0] for row in table.rows)
    found = {problem: curves_of(table, problem, measure) for problem in problems}
    panels = {
        problem: curves for problem, curves in found.items() if {"auto", "quick"} & set(curves)
    }
    width = COLUMNS * PANEL[0]
    height = HEAD + math.ceil(len(panels) / COLUMNS) * PANEL[1]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        text(12, 28, f"{title}, within {tick_text(LEAST)} and {MOST:g}", "start", 16),
        *legend(),
    ]
    for position, (problem, curves) in enumerate(panels.items()):
        row, column = divmod(position, COLUMNS)
        lines += panel(problem, curves, column * PANEL[0], HEAD + row * PANEL[1])
    return "\n".join([*lines, "</svg>\n"])

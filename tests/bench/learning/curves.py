"""Learning curves as a picture: error over number of samples, a panel for each problem."""

from __future__ import annotations

import html
import math

COLUMNS = 5
PANEL = (230, 170)
MARGIN = (44, 26)  # Left of and above the axes of a panel.
AXES = (PANEL[0] - 58, PANEL[1] - 56)
LEGEND_COLUMNS = 8
LEGEND_HEIGHT = 18
# Okabe and Ito's colours, which most colour-blind people tell apart.
COLOURS = ("#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")


def style(index, is_ours):
    colour = COLOURS[index % len(COLOURS)]
    dash = ' stroke-dasharray="4 2"' if index >= len(COLOURS) else ""
    return f'stroke="{colour}" stroke-width="{2.4 if is_ours else 1.1}"{dash} fill="none"'


def text(x, y, words, anchor="middle", size=9):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{html.escape(words)}</text>"
    )


class Axis:
    """Logarithms of values to positions."""

    def __init__(self, values, start, length):
        self.low, self.high = math.log10(min(values)), math.log10(max(values))
        margin = 0.2 if self.high - self.low < 0.3 else 0.04 * (self.high - self.low)
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


def panel(name, curves, left, top):
    """curves: {method index: ([(samples, error)], is ours)}, not empty."""
    points = [point for curve, _ in curves.values() for point in curve]
    x = Axis([p[0] for p in points], left + MARGIN[0], AXES[0])
    y = Axis([p[1] for p in points], top + MARGIN[1] + AXES[1], -AXES[1])
    lines = [
        text(left + MARGIN[0] + AXES[0] / 2, top + MARGIN[1] - 6, name, size=11),
        f'<rect x="{left + MARGIN[0]}" y="{top + MARGIN[1]}" width="{AXES[0]}" '
        f'height="{AXES[1]}" fill="none" stroke="#bbbbbb"/>',
    ]
    for samples in sorted({p[0] for p in points}):
        lines.append(text(x(samples), top + MARGIN[1] + AXES[1] + 12, str(samples)))
    for tick in y.ticks():
        lines.append(text(left + MARGIN[0] - 4, y(tick) + 3, f"{tick:.0e}", "end"))
        lines.append(f'<path d="M{left + MARGIN[0]} {y(tick):.1f}h{AXES[0]}" stroke="#eeeeee"/>')
    for index, (curve, is_ours) in curves.items():
        path = " ".join(f"{x(samples):.1f},{y(error):.1f}" for samples, error in curve)
        lines.append(f'<polyline points="{path}" {style(index, is_ours)}/>')
        for samples, error in curve:
            colour = COLOURS[index % len(COLOURS)]
            radius = 3 if is_ours else 1.8
            lines.append(
                f'<circle cx="{x(samples):.1f}" cy="{y(error):.1f}" r="{radius}" fill="{colour}"/>'
            )
    return lines


def draw(table, ours, measure, title):
    """An SVG document; ours are the names of the methods to draw thick."""
    methods = [m for m in table.methods if m in ours] + [m for m in table.methods if m not in ours]
    panels = []
    for problem in dict.fromkeys(row[0] for row in table.rows):
        sizes = sorted(size for name, size in table.rows if name == problem)
        curves = {}
        for index, method in enumerate(methods):
            errors = [(size, table.median(method, (problem, size), measure)) for size in sizes]
            curve = [(size, max(error, 1e-16)) for size, error in errors if error is not None]
            if curve:
                curves[index] = (curve, method in ours)
        if curves:
            panels.append((problem, curves))
    rows = math.ceil(len(panels) / COLUMNS)
    below_legend = 30 + LEGEND_HEIGHT * math.ceil(len(methods) / LEGEND_COLUMNS)
    width, height = COLUMNS * PANEL[0], below_legend + rows * PANEL[1]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        text(12, 18, title, "start", 14),
    ]
    for index, method in enumerate(methods):
        row, column = divmod(index, LEGEND_COLUMNS)
        left, middle = 12 + column * (width - 24) / LEGEND_COLUMNS, 34 + row * LEGEND_HEIGHT
        lines.append(f'<path d="M{left:.1f} {middle}h18" {style(index, method in ours)}/>')
        lines.append(text(left + 22, middle + 4, method, "start", 11))
    for position, (problem, curves) in enumerate(panels):
        row, column = divmod(position, COLUMNS)
        lines += panel(problem, curves, column * PANEL[0], below_legend + row * PANEL[1])
    return "\n".join([*lines, "</svg>\n"])

"""The table: a line for each bar."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Line", "heading", "ratio_line", "show"]

WIDTHS = (66, 13, 38, 26, 19)
NO_BAR = ""


class Line(NamedTuple):
    """One comparison, or one limit."""

    what: str
    ours: str
    peer: str
    ratio: str
    bar: str
    is_met: bool | None
    """None where there is no bar: the line is there to be read."""


def ratio_line(
    what: str, ours: Sequence[float], peer: Sequence[float], named: str, unit: str, bar: float | None
) -> Line:
    """Return the line of a comparison whose bursts are paired."""
    ratios = [one / other for one, other in zip(ours, peer, strict=True)]
    middle = statistics.median(ratios)
    return Line(
        what,
        f"{statistics.median(ours):.4g} {unit}",
        f"{named} {statistics.median(peer):.4g} {unit}",
        _quartiles(ratios),
        NO_BAR if bar is None else f"<= {bar:g}",
        None if bar is None else middle <= bar,
    )


def _quartiles(ratios: Sequence[float]) -> str:
    """Return the median of many, and between what half of them lie."""
    if len(ratios) == 1:
        return f"{ratios[0]:.3g}"
    low, middle, high = statistics.quantiles(ratios, method="inclusive")
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def spread(values: Sequence[float], form: str) -> str:
    """Return the median of the rounds, and the lowest and the highest."""
    low, middle, high = (form.format(value) for value in (min(values), statistics.median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def heading() -> str:
    """Return the table's first line."""
    return _joined(("what", "ours", "peer", "ratio, or rounds", "bar", ""))


def show(line: Line) -> str:
    """Return the line as it is printed."""
    verdict = {True: "met", False: "NOT MET", None: ""}[line.is_met]
    return _joined((line.what, line.ours, line.peer, line.ratio, line.bar, verdict))


def _joined(cells: Sequence[str]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=False)]
    return " ".join([*padded, cells[-1]]).rstrip()

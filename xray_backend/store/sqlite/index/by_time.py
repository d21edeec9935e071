"""Pages in the order of time."""

from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import Final

from xray_backend.query.cursor import Position
from xray_backend.store.records import Page
from xray_backend.store.sqlite.index.bits import falling, rising
from xray_backend.store.sqlite.index.block import TIME_COLUMN
from xray_backend.store.sqlite.index.finder import Finder, Row
from xray_backend.store.sqlite.index.indexed_block import BlockRow, IndexedBlock

__all__ = ["page_by_time"]

_NEWEST_FIRST: Final = -1


def page_by_time(finder: Finder, direction: int, limit: int, after: Position | None) -> Page:
    """Return a page by time and then `_id`, ascending (1) or descending (-1), and where the next one begins."""
    rows = _first_rows(finder, direction, limit + 1, after)
    answers, more = finder.answers([row.seq for row in rows], limit)
    last = rows[len(answers) - 1] if more else None
    return Page(answers, None if last is None else Position(last.time_ms, last.object_id))


def _first_rows(finder: Finder, direction: int, wanted: int, after: Position | None) -> list[Row]:
    newest_first = direction == _NEWEST_FIRST
    found = _behind(finder, newest_first, wanted, after)
    for row in _in_order(finder.rows, newest_first):
        nearest = row.last_ms if newest_first else row.first_ms
        if len(found) == wanted and _is_past(nearest, found[-1].time_ms, newest_first):
            break  # and so are all after it
        farthest = row.first_ms if newest_first else row.last_ms
        if after is not None and _is_past(after.time_ms, farthest, newest_first):
            continue
        found.extend(islice(_rows_of(finder, finder.block(row), newest_first, after), wanted))
        found.sort(reverse=newest_first)
        del found[wanted:]
    return found


def _in_order(rows: list[BlockRow], newest_first: bool) -> list[BlockRow]:
    return rows if newest_first else sorted(rows, key=attrgetter("first_ms"))


def _is_past(time_ms: int, limit_ms: int, newest_first: bool) -> bool:
    """Tell whether a time comes after another in the order of the page."""
    return time_ms < limit_ms if newest_first else time_ms > limit_ms


def _behind(finder: Finder, newest_first: bool, wanted: int, after: Position | None) -> list[Row]:
    time = TIME_COLUMN[finder.collection]
    direction, comparison = ("DESC", "<") if newest_first else ("ASC", ">")
    terms = "" if after is None else f" AND ({time}, oid) {comparison} (?, ?)"
    return finder.behind(terms, after or (), f"{time} {direction}, oid {direction}", wanted)


def _rows_of(finder: Finder, block: IndexedBlock, newest_first: bool, after: Position | None) -> Iterator[Row]:
    sure, maybe = finder.bounds(block)
    if after is not None and maybe:
        maybe &= _beyond(block, newest_first, after)
    positions = falling(maybe) if newest_first else rising(maybe)
    for position in finder.matching(block, sure, positions):
        yield Row(block.times[position], block.object_id(position), block.seqs[position])


def _beyond(block: IndexedBlock, newest_first: bool, after: Position) -> int:
    """Return the positions that come after a place."""
    if newest_first:
        return (1 << block.before(after.time_ms, after.object_id)) - 1
    up_to = (1 << block.before(after.time_ms, after.object_id + "g")) - 1  # no digit is greater than f
    return block.every & ~up_to

"""Documents taken apart: for each path and kind, which value is held by which positions."""

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, Final, TypeAlias

from xray_backend.store.kinds import LONGEST_TEXT, MARK, Kind, is_kept_key, text_key
from xray_backend.store.sqlite.index.chunk import Key

__all__ = ["Columns", "Postings"]

Postings: TypeAlias = Mapping[Key, Sequence[int]]
"""The positions of each value, ascending."""

_MOST_PATHS: Final = 4096
"""In one block. Where keys are data (a dict by customer), their number has no end; beyond this, documents that
bring a new path are looked at one by one."""

_MOST_ENTRIES: Final = 4096
"""Of one document: some hundred times what a step usually has, and no document makes its block ten times as large."""

_MARKS: Final = (Kind.EMPTY, Kind.OBJECT, Kind.ARRAY, Kind.NESTED)


class _Node:
    """A path: the scalars that were found there and where, and the paths that lead on."""

    __slots__ = ("children", "marks", "path", "positions", "values")

    def __init__(self, path: str) -> None:
        self.path = path
        self.children: dict[str, _Node | None] = {}
        self.values: list[Any] = []
        self.positions: list[int] = []
        self.marks: dict[Kind, list[int]] = {}

    def mark(self, kind: Kind, position: int) -> None:
        self.marks.setdefault(kind, []).append(position)

    def add(self, value: Any, position: int) -> None:
        """Note a scalar; of a long string no more than its key is kept."""
        self.values.append(text_key(value) if type(value) is str and len(value) > LONGEST_TEXT else value)
        self.positions.append(position)

    def child_path(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


class Columns:
    """Takes documents apart. They come in the order of their positions."""

    def __init__(self, left_out: frozenset[str], dates: frozenset[str]) -> None:
        """`left_out` are paths that are not indexed, `dates` those whose numbers are times."""
        self._root = _Node("")
        self._left_out = left_out
        self._dates = dates
        self._paths_left = _MOST_PATHS
        self._entries_left = 0
        self._opaque: dict[int, None] = {}

    @property
    def opaque(self) -> list[int]:
        """The positions of which not everything was kept."""
        return list(self._opaque)

    def add(self, position: int, document: Mapping[str, Any]) -> None:
        """Take the next document apart."""
        self._entries_left = _MOST_ENTRIES
        self._object(document, self._root, position)

    def each(self) -> Iterator[tuple[str, Kind, Postings]]:
        """Yield what was found, by path and kind."""
        for node in _below(self._root):
            for kind, postings in _postings(node, is_date=node.path in self._dates):
                yield node.path, kind, postings

    def _object(self, found: Mapping[str, Any], node: _Node, position: int) -> None:
        self._entries_left -= len(found)
        if self._entries_left < 0:
            self._opaque[position] = None
            return
        children = node.children
        for key, value in found.items():
            child = children.get(key) or self._child(node, key, position)
            if child is None:
                continue
            if type(value) is dict:
                child.mark(Kind.OBJECT, position)
                self._object(value, child, position)
            elif type(value) is list:
                self._array(value, child, position)
            else:
                child.add(value, position)

    def _array(self, found: list[Any], node: _Node, position: int) -> None:
        self._entries_left -= len(found)
        if self._entries_left < 0:
            self._opaque[position] = None
        node.mark(Kind.ARRAY, position)
        if not found:
            node.mark(Kind.EMPTY, position)
        for value in found[:_MOST_ENTRIES]:
            if type(value) is dict:
                node.mark(Kind.OBJECT, position)
                self._object(value, node, position)
            elif type(value) is list:
                node.mark(Kind.NESTED, position)
            else:
                node.add(value, position)

    def _child(self, node: _Node, key: str, position: int) -> _Node | None:
        """Return a path that was not met yet; None where no query can ask for it, or there are too many."""
        path = node.child_path(key)
        if key in node.children or path in self._left_out or not is_kept_key(key):
            return None
        if self._paths_left == 0:
            self._opaque[position] = None
            return None
        self._paths_left -= 1
        child = node.children[key] = _Node(path)
        return child


def _below(node: _Node) -> Iterator[_Node]:
    for child in node.children.values():
        if child is not None:
            yield child
            yield from _below(child)


def _postings(node: _Node, *, is_date: bool) -> Iterator[tuple[Kind, Postings]]:
    positions = set(node.positions).union(*node.marks.values())
    if positions:
        yield Kind.EXISTS, {MARK: sorted(positions)}
    for kind in _MARKS:
        if kind in node.marks:
            yield kind, {MARK: list(dict.fromkeys(node.marks[kind]))}
    types = set(map(type, node.values))
    if NoneType in types:
        yield Kind.NULL, {MARK: _grouped(node, types, (NoneType,))[None]}
    if bool in types:
        yield Kind.BOOLEAN, _grouped(node, types, (bool,))
    if str in types:
        yield Kind.STRING, _grouped(node, types, (str,))
    if types & {int, float}:
        yield Kind.DATE if is_date else Kind.NUMBER, _grouped(node, types, (int, float))


def _grouped(node: _Node, types: set[type], wanted: tuple[type, ...]) -> dict[Any, Sequence[int]]:
    """Return the positions of each value of these types; what one document alone has shares one tuple."""
    pairs = zip(node.values, node.positions, strict=True)
    if not types <= set(wanted):
        pairs = ((value, at) for value, at in pairs if type(value) in wanted)  # type: ignore[assignment]
    found: dict[Any, Sequence[int]] = {}
    get, alone = found.get, (-1,)
    for value, at in pairs:
        positions = get(value)
        if positions is None:
            if alone[0] != at:
                alone = (at,)
            found[value] = alone
        elif positions[-1] != at:
            if type(positions) is list:
                positions.append(at)
            else:
                found[value] = [*positions, at]
    return found

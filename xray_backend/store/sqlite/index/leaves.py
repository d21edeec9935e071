"""A test of one path, asked of a block."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import islice
from operator import and_, or_
from typing import Final, Literal

from xray_backend.query.regex.pattern import compile_pattern, literal_prefix
from xray_backend.query.sort import TIME_FIELD
from xray_backend.query.tree import Compare, Date, Exists, In, Path, Regex, Size, Type, TypeName, Value
from xray_backend.store.kinds import KIND_OF, LONGEST_TEXT, Kind, is_cut, is_kept_key, text_key
from xray_backend.store.records import Collection
from xray_backend.store.sqlite.index.bounds import Bounds, exactly, perhaps
from xray_backend.store.sqlite.index.indexed_block import IndexedBlock, Span

__all__ = ["Leaves"]

_NOTHING: Final = Bounds(0, 0)

_MOST_PARTS: Final = 8
"""Of an object or an array that is asked for whole: the documents decide, and these leave few of them."""


class Leaves:
    """Answers each kind of test by what the block knows."""

    def __init__(self, block: IndexedBlock, collection: Collection) -> None:
        self._block = block
        self._time_field = TIME_FIELD[collection]

    def compare(self, node: Compare) -> Bounds:
        """Return where the path holds such a value."""
        if not self._is_kept(node.path):
            return self._special(node)
        if node.operator == "eq":
            found = self._equal(node.path, node.value)
        else:
            found = self._ordered(node.path, node.operator, node.value)
        return self._checked(node.path, found)

    def member(self, node: In) -> Bounds:
        """Return where the path holds any of the values; many strings or numbers are looked up at once."""
        if not self._is_kept(node.path):
            return self._any(node, node.values)
        name, found = ".".join(node.path), self._any(node, [value for value in node.values if not _is_simple(value)])
        for kind in (Kind.STRING, Kind.NUMBER):
            keys = [value for value in node.values if _is_simple(value) and KIND_OF[type(value)] is kind]
            found |= exactly(self._block.equal_any(name, kind, keys))
        return self._checked(node.path, found)

    def _any(self, node: In, values: Iterable[Value]) -> Bounds:
        return reduce(or_, (self.compare(Compare(node.path, "eq", value)) for value in values), _NOTHING)

    def exists(self, node: Exists) -> Bounds:
        """Return where the path is there."""
        if not self._is_kept(node.path):
            is_always = len(node.path) == 1
            return exactly(self._block.every) if is_always else perhaps(self._block.every)
        return self._checked(node.path, exactly(self._block.marked(".".join(node.path), Kind.EXISTS)))

    def regex(self, node: Regex) -> Bounds:
        """Return where the path holds a string with the pattern: each string of the block is tried once."""
        if not self._is_kept(node.path):
            return perhaps(self._block.every)
        test = compile_pattern(node.pattern, node.options)
        whole, cut = self._block.texts(".".join(node.path), _beginning(node), test)
        return self._checked(node.path, exactly(whole) | perhaps(cut))

    def size(self, node: Size) -> Bounds:
        """Return where the path may be an array of this length; of none is known."""
        name = ".".join(node.path)
        if node.length == 0:
            return self._checked(node.path, exactly(self._block.marked(name, Kind.EMPTY)))
        return self._checked(node.path, perhaps(self._block.marked(name, Kind.ARRAY)))

    def type(self, node: Type) -> Bounds:
        """Return where the path holds a value of one of the types; whether a number is an int is not known."""
        if not self._is_kept(node.path):
            return perhaps(self._block.every)
        name, types = ".".join(node.path), set(node.types)
        found = _NOTHING
        for kind in {_KIND_OF_TYPE[wanted] for wanted in types}:
            is_known = kind is not Kind.NUMBER or types >= _NUMBERS
            found |= (exactly if is_known else perhaps)(self._block.between(name, kind, Span()))
        return self._checked(node.path, found)

    def arrays(self, path: Path) -> int:
        """Return where the path may be an array."""
        if not path:
            return self._block.every
        return self._checked(path, exactly(self._block.marked(".".join(path), Kind.ARRAY))).maybe

    def nested_arrays(self, path: Path) -> int:
        """Return where the path may be an array that holds an array."""
        return self._checked(path, exactly(self._block.marked(".".join(path), Kind.NESTED))).maybe

    def _is_kept(self, path: Path) -> bool:
        return path not in ((self._time_field,), ("_id",), ("artifacts", "_id"))

    def _special(self, node: Compare) -> Bounds:
        """Answer for what stands beside the block's paths."""
        if len(node.path) == 1 and node.value is None:
            return _NOTHING  # neither is ever null or missing
        if node.path == (self._time_field,) and isinstance(node.value, Date):
            return exactly(self._times(node.operator, node.value.ms))
        if node.path == ("_id",) and isinstance(node.value, str):
            span = Span(node.value, node.value) if node.operator == "eq" else _span(node.operator, node.value)
            return exactly(self._block.with_object_ids(span))
        return perhaps(self._block.every)

    def _times(self, operator: Literal["eq", "gt", "gte", "lt", "lte"], time_ms: int) -> int:
        first, end = 0, self._block.size
        if operator in ("eq", "gte", "gt"):
            first = (bisect_right if operator == "gt" else bisect_left)(self._block.times, time_ms)
        if operator in ("eq", "lte", "lt"):
            end = (bisect_left if operator == "lt" else bisect_right)(self._block.times, time_ms)
        return (1 << end) - (1 << first) if first < end else 0

    def _checked(self, path: Path, found: Bounds) -> Bounds:
        """Take back what is said of documents that were not kept whole, or where a number may mean an element."""
        doubtful = self._block.opaque
        for length, part in enumerate(path):
            if length and part.isdecimal():
                doubtful |= self._block.marked(".".join(path[:length]), Kind.ARRAY)
        return found.unsure_of(doubtful) if doubtful else found

    def _equal(self, path: Path, value: Value) -> Bounds:
        name = ".".join(path)
        if value is None:
            return self._null(path)
        if isinstance(value, Date):
            return exactly(self._block.equal(name, Kind.DATE, value.ms))
        if isinstance(value, dict):
            return perhaps(self._block.marked(name, Kind.OBJECT) & self._with_fields(path, value))
        if isinstance(value, list):
            nested = self._block.marked(name, Kind.NESTED)
            return perhaps(self._block.marked(name, Kind.ARRAY) & self._with_elements(path, value) | nested)
        if isinstance(value, str):
            key = text_key(value)
            found = self._block.equal(name, Kind.STRING, key)
            return perhaps(found) if is_cut(key) else exactly(found)
        return exactly(self._block.equal(name, KIND_OF[type(value)], value))

    def _with_fields(self, path: Path, value: Mapping[str, Value]) -> int:
        """Return where some of an object's fields may be what they must."""
        fields = islice((((*path, key), field) for key, field in value.items() if is_kept_key(key)), _MOST_PARTS)
        reached = (self._equal(inner, field).maybe for inner, field in fields if self._is_kept(inner))
        return reduce(and_, reached, self._block.every)

    def _with_elements(self, path: Path, value: Sequence[Value]) -> int:
        """Return where some of an array's elements may be what they must."""
        reached = (self._equal(path, element).maybe for element in value[:_MOST_PARTS])
        return reduce(and_, reached, self._block.every)

    def _null(self, path: Path) -> Bounds:
        """Return where the path is null or missing; below an array, an element may miss it that the block knows not."""
        name = ".".join(path)
        missing = self._block.every & ~self._block.marked(name, Kind.EXISTS)
        found = exactly(missing | self._block.marked(name, Kind.NULL))
        for length in range(1, len(path)):
            below = self._block.marked(".".join(path[:length]), Kind.ARRAY)
            found = found.unsure_of(below) if below else found
        return found

    def _arrays(self, name: str) -> int:
        return self._block.marked(name, Kind.ARRAY) | self._block.marked(name, Kind.NESTED)

    def _ordered(self, path: Path, operator: Literal["gt", "gte", "lt", "lte"], value: Value) -> Bounds:
        name = ".".join(path)
        if value is None:
            return self._null(path) if operator in ("gte", "lte") else _NOTHING
        if isinstance(value, dict):
            return perhaps(self._block.marked(name, Kind.OBJECT))
        if isinstance(value, list):
            return perhaps(self._arrays(name))
        if isinstance(value, Date):
            return exactly(self._block.between(name, Kind.DATE, _span(operator, value.ms)))
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            return self._beside_long_text(name, operator, value)
        return exactly(self._block.between(name, KIND_OF[type(value)], _span(operator, value)))

    def _beside_long_text(self, name: str, operator: Literal["gt", "gte", "lt", "lte"], value: str) -> Bounds:
        """Strings that begin as this one does, as far as is kept, must be looked at."""
        beginning = value[:LONGEST_TEXT]
        alike = self._block.between(name, Kind.STRING, Span(beginning, beginning + "g", with_high=False))
        above = operator in ("gt", "gte")
        beyond = Span(beginning + "g", None) if above else Span(None, beginning, with_high=False)
        return exactly(self._block.between(name, Kind.STRING, beyond)) | perhaps(alike)


def _is_simple(value: Value) -> bool:
    """Tell whether a value is found by the index alone, among others of its kind."""
    return type(value) in (int, float) or (isinstance(value, str) and len(value) <= LONGEST_TEXT)


_NUMBERS: Final[frozenset[TypeName]] = frozenset({"int", "long", "double"})
_KIND_OF_TYPE: Final[Mapping[TypeName, Kind]] = {
    "null": Kind.NULL,
    **dict.fromkeys(_NUMBERS, Kind.NUMBER),
    "string": Kind.STRING,
    "object": Kind.OBJECT,
    "array": Kind.ARRAY,
    "bool": Kind.BOOLEAN,
}


def _beginning(node: Regex) -> str:
    """Return what each key begins with whose string has the pattern."""
    return (literal_prefix(node.pattern, node.options) or "")[:LONGEST_TEXT]


def _span(operator: Literal["gt", "gte", "lt", "lte"], bound: int | float | str) -> Span:
    if operator in ("gt", "gte"):
        return Span(bound, None, with_low=operator == "gte")
    return Span(None, bound, with_high=operator == "lte")

"""Converts any value into what JSON can say, with secrets masked, within bounds, running no code of the user's."""

import enum
from collections.abc import Container, Iterable
from typing import Any

from xray_trace.capture.containers import entries_of, items_of
from xray_trace.capture.description import Described, describe, describe_exception, fields_of
from xray_trace.capture.foreign import stand_in
from xray_trace.capture.json_codec import encode_json
from xray_trace.capture.probe import MAX_DEPTH, Budget, TooLarge
from xray_trace.capture.redaction import MASK, Redaction
from xray_trace.capture.scalars import clean_text, enum_value, scalar
from xray_trace.capture.type_name import qualified_name

__all__ = ["CALLER_WALK", "Plainer", "free_key", "is_pair"]

# The walk costs about 1.5 µs a node: 5,000 keep it under 10 ms in the caller's thread.
CALLER_WALK = Budget(nodes=5_000, text=4_000_000)


class Plainer:
    """One conversion of one value.

    Raises TooLarge if the budget is spent and `stop_when_full`; else leaves out what is over it and says so in its
    place. Raises what the user's redaction function raises. `path` and `depth` say where in a larger value this one
    lies: the ids of the containers around it, and how many levels they are.
    """

    def __init__(
        self,
        redaction: Redaction,
        budget: Budget,
        *,
        stop_when_full: bool,
        path: set[int] | None = None,
        depth: int = 0,
    ) -> None:
        self._redaction = redaction
        self._asks = redaction.function is not None
        self._nodes_left = budget.nodes
        self._text_left = budget.text
        self._stop_when_full = stop_when_full
        self._path: set[int] = set() if path is None else path
        self._depth = depth
        self.described = False
        """Whether something in the value fell to a description."""

    def convert(self, name: str, value: Any) -> Any:
        """Return the value as plain JSON values; `name` is what it is called."""
        return self.walk(value, name, self._redaction.is_secret(name))

    def walk(self, value: Any, name: str, hidden: bool) -> Any:
        """Return the value as plain JSON values; `hidden` says that it is under a secret name."""
        self._nodes_left -= 1
        if (self._nodes_left < 0 or self._text_left < 0) and self._is_full():
            return "[left out: too large]"
        if self._asks and self._redaction.asks_to_mask(name, value):
            return MASK
        if issubclass(type(value), enum.Enum):
            value = enum_value(value)
        single = scalar(value)
        if single is None:
            return self._enter(value, name, hidden)
        if hidden and single.is_text:
            return MASK
        if type(single.plain) in (str, bytes):
            self._text_left -= len(single.plain)
        return single.plain

    def _is_full(self) -> bool:
        if self._nodes_left >= 0 and self._text_left >= 0:
            return False
        if self._stop_when_full:
            raise TooLarge
        return True

    def _enter(self, value: Any, name: str, hidden: bool) -> Any:
        if id(value) in self._path:
            return f"[cycle: {qualified_name(type(value))}]"
        if self._depth >= MAX_DEPTH:
            return f"[deeper than {MAX_DEPTH} levels: {qualified_name(type(value))}]"
        self._path.add(id(value))
        self._depth += 1
        try:
            return self._open(value, name, hidden)
        finally:
            self._depth -= 1
            self._path.discard(id(value))

    def _open(self, value: Any, name: str, hidden: bool) -> Any:
        most = self._nodes_left if self._stop_when_full else None
        entries = entries_of(value, most)
        if entries is not None:
            return self._object(entries, hidden)
        items = items_of(value, most)
        if items is not None:
            return self._list(type(value), items, name, hidden)
        if issubclass(type(value), BaseException):
            return self._description(describe_exception(value), hidden)
        fields = fields_of(value)
        if fields is not None:
            return self._object(fields.items(), hidden)
        foreign = stand_in(value)
        if foreign is not None:
            self.described = self.described or not foreign.is_whole
            return self.walk(foreign.plain, name, hidden)
        self.described = True
        return self._description(describe(value), hidden)

    def _object(self, entries: Iterable[tuple[Any, Any]], hidden: bool) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, value in entries:
            if self._nodes_left <= 0 and self._is_over():
                plain["…"] = "[more entries left out: too large]"
                break
            name = self.name_of(key)
            entry = self.walk(value, name, hidden or self._redaction.is_secret(name))
            plain[free_key(name, key, plain)] = entry
        return plain

    def _list(self, kind: type, items: list[Any], name: str, hidden: bool) -> list[Any]:
        if is_pair(kind, items) and not hidden:
            first = items[0]
            is_secret = type(first) in (str, bytes) and self._redaction.is_secret(self.name_of(first))
            return [self.walk(first, name, False), self.walk(items[1], name, is_secret)]
        plain: list[Any] = []
        for index, item in enumerate(items):
            if self._nodes_left <= 0 and self._is_over():
                plain.append(f"[{len(items) - index} more items left out: too large]")
                break
            plain.append(self.walk(item, name, hidden))
        return plain

    def _is_over(self) -> bool:
        self._nodes_left = min(self._nodes_left, -1)
        return self._is_full()

    def _description(self, described: Described, hidden: bool) -> dict[str, Any]:
        plain: dict[str, Any] = {"type": described.type}
        self._depth += 1
        if described.args is not None:
            args = self._list(tuple, list(described.args), "args", hidden)
            if args and type(args[0]) is str:
                plain["message"] = args[0] if len(args) == 1 else ": ".join(a for a in args if type(a) is str)
            plain["args"] = args
        if described.attributes or described.args is None:
            plain["attributes"] = self._object(described.attributes.items(), hidden)
        self._depth -= 1
        return plain

    def name_of(self, key: Any) -> str:
        """Return a dict's key as text."""
        if type(key) is str:
            return clean_text(key)
        if issubclass(type(key), enum.Enum):
            key = enum_value(key)
        single = scalar(key)
        if single is None:
            return self._long_key(key)
        if type(single.plain) is bytes:
            return single.plain.decode("utf-8", "backslashreplace")
        return single.plain if type(single.plain) is str else encode_json(single.plain).decode().strip('"')

    def _long_key(self, key: Any) -> str:
        if issubclass(type(key), (tuple, frozenset)):
            return encode_json(self._enter(key, "", False)).decode()
        return f"[{qualified_name(type(key))}]"


def is_pair(kind: type, items: list[Any]) -> bool:
    """Tell whether a container of this type may be a name and its value, as in an HTTP message's headers."""
    return len(items) == 2 and issubclass(kind, (list, tuple))


def free_key(name: str, key: Any, taken: Container[str]) -> str:
    """Return the name, told from an equal one that another key (1 beside "1") has taken."""
    if name not in taken:
        return name
    base = name = f"{name} ({qualified_name(type(key))})"
    count = 2
    while name in taken:
        name = f"{base} {count}"
        count += 1
    return name

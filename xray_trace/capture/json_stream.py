"""JsonStream: a value of any size as JSON, piece by piece: what `plain.Plainer` would make of it, never held whole."""

import enum
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from xray_trace.capture.at_once import encode_plain
from xray_trace.capture.batches import Batches
from xray_trace.capture.containers import dict_behind, entries_in_turn, items_in_turn
from xray_trace.capture.description import Described, describe, describe_exception, fields_of
from xray_trace.capture.foreign import stand_in
from xray_trace.capture.json_codec import decode_json, encode_json
from xray_trace.capture.key_names import KeyNames
from xray_trace.capture.long_text import quoted_pieces, text_length
from xray_trace.capture.plain import CALLER_WALK, Plainer, is_pair
from xray_trace.capture.probe import MAX_DEPTH, Budget, TooLarge
from xray_trace.capture.redaction import MASK, Redaction
from xray_trace.capture.scalars import clean_text, enum_value, scalar
from xray_trace.capture.type_name import qualified_name

__all__ = ["AT_A_TIME", "JsonStream"]

AT_A_TIME = Budget(nodes=2_000, text=64 * 1024)
"""What one step may handle: under a millisecond, which is what an event loop may wait for the interpreter."""

_CHUNK_BYTES = 8 * 1024  # some hundred values, which take a millisecond or two; a write costs little beside it
_CHUNK_PIECES = 200  # small pieces take some µs each, and have to come to a chunk within a millisecond too
_MOST_BYTES = 2**30 - 2**26  # of the 2^30 that the server takes: what is in hand by then is still written out
_WIDEST = 400  # items that are looked at together
_MOST_ARGS = 100  # of an exception, that its message repeats

Piece: TypeAlias = "bytes | Iterator[Piece]"
"""JSON, or something to be opened whose pieces come in its place."""
Member: TypeAlias = tuple[bytes, Piece]
"""What stands in a container: a name with its colon, or nothing, and what follows it."""

_MASKED = encode_json(MASK)
_TOO_LARGE = encode_json("[left out: too large]")
_CHANGED = encode_json("[changed while it was recorded]")
_NOTE = encode_json("…") + b":"


class JsonStream:
    """The chunks of one value's JSON, to be read once, in any thread.

    No step takes long, however large a part of the value is. A container that changes size while it is read ends
    there, with an entry that says so. Reading raises what the user's redaction function raises.
    """

    def __init__(self, redaction: Redaction, name: str, value: Any, at_a_time: Budget = AT_A_TIME) -> None:
        self._redaction = redaction
        self._asks = redaction.function is not None
        self._name = name
        self._value = value
        self._budget = at_a_time
        self._width = _WIDEST
        self._bytes_left = _MOST_BYTES
        self._path: set[int] = set()
        self._depth = 0
        self.described = False
        """Whether something that was read so far fell to a description."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the JSON in chunks; between two of them the interpreter may be given to others."""
        chunk: list[bytes] = []
        size = 0
        for piece in self._pieces():
            chunk.append(piece)
            size += len(piece)
            if size >= _CHUNK_BYTES or len(chunk) >= _CHUNK_PIECES:
                self._bytes_left -= size
                yield b"".join(chunk)
                chunk, size = [], 0
        yield b"".join(chunk)

    def _pieces(self) -> Iterator[bytes]:
        """Walk with a stack of what is open."""
        opened = [iter([self._piece(self._value, self._name, self._redaction.is_secret(self._name))])]
        while opened:
            piece = next(opened[-1], None)
            if piece is None:
                opened.pop()
            elif isinstance(piece, bytes):
                yield piece
            else:
                opened.append(piece)

    # -- one value --------------------------------------------------------------------------------------

    def _piece(self, value: Any, name: str, hidden: bool) -> Piece:
        if self._asks and self._redaction.asks_to_mask(name, value):
            return _MASKED
        if issubclass(type(value), enum.Enum):
            value = enum_value(value)
        if (length := text_length(value)) > self._budget.text:
            long = quoted_pieces(value, self._budget.text) if length <= self._bytes_left else _TOO_LARGE
            return _MASKED if hidden else long
        single = scalar(value)
        if single is not None:
            return _MASKED if hidden and single.is_text else encode_json(single.plain)
        small = None if self._asks else self._small(value, name, hidden)
        return self._enter(value, name, hidden) if small is None else small

    def _small(self, value: Any, name: str, hidden: bool) -> bytes | None:
        """Return a container at once, or None for one that is too large for that."""
        try:
            if not hidden and _is_usual(type(value)):
                together = encode_plain(value, self._redaction, self._budget, MAX_DEPTH - self._depth)
                if together is not None:
                    return together
            plainer = Plainer(self._redaction, self._budget, stop_when_full=True, path=self._path, depth=self._depth)
            plain = plainer.walk(value, name, hidden)
        except TooLarge:
            return None
        self.described = self.described or plainer.described
        return encode_json(plain)

    # -- what is too large to be taken at once ----------------------------------------------------------

    def _enter(self, value: Any, name: str, hidden: bool) -> Piece:
        if id(value) in self._path:
            return encode_json(f"[cycle: {qualified_name(type(value))}]")
        if self._depth >= MAX_DEPTH:
            return encode_json(f"[deeper than {MAX_DEPTH} levels: {qualified_name(type(value))}]")
        return _TOO_LARGE if self._bytes_left <= 0 else self._opened(value, name, hidden)

    def _opened(self, value: Any, name: str, hidden: bool) -> Iterator[Piece]:
        self._path.add(id(value))
        self._depth += 1
        yield self._form(value, name, hidden)
        self._depth -= 1
        self._path.discard(id(value))

    def _form(self, value: Any, name: str, hidden: bool) -> Piece:
        entries = entries_in_turn(value)
        if entries is not None:
            return self._object(entries, dict_behind(value), hidden)
        items = items_in_turn(value)
        if items is not None:
            return self._list(type(value), items, name, hidden)
        if issubclass(type(value), BaseException):
            return self._description(describe_exception(value), hidden)
        fields = fields_of(value)
        if fields is not None:
            return self._object(Batches.of(list(fields.items())), fields, hidden)
        foreign = stand_in(value)
        if foreign is not None:
            self.described = self.described or not foreign.is_whole
            return self._piece(foreign.plain, name, hidden)
        self.described = True
        return self._description(describe(value), hidden)

    def _object(self, entries: Batches[Any], source: dict[Any, Any] | None, hidden: bool) -> Iterator[Piece]:
        return _bracketed(b"{}", self._entries(entries, KeyNames(self._name_of, source), hidden))

    def _entries(self, entries: Batches[Any], names: KeyNames, hidden: bool) -> Iterator[Member]:
        for batch in entries:
            for part, together in self._parts(batch, lambda part: self._entries_together(part, names, hidden)):
                if together is not None:
                    yield together, b""
                    continue
                for key, value in part:
                    yield self._entry(key, value, names, hidden)
            if self._bytes_left <= 0 and entries.left:
                yield _NOTE, encode_json("[more entries left out: too large]")
                return
        if entries.has_changed:
            yield _NOTE, _CHANGED

    def _entry(self, key: Any, value: Any, names: KeyNames, hidden: bool) -> Member:
        name = self._name_of(key)
        label = encode_json(names.free(name, key))
        return label + b":", self._piece(value, name, hidden or self._redaction.is_secret(name))

    def _entries_together(self, part: list[Any], names: KeyNames, hidden: bool) -> bytes | None:
        if hidden or self._asks or not names.are_own(part):
            return None
        encoded = encode_plain(dict(part), self._redaction, self._budget, MAX_DEPTH - self._depth + 1)
        if encoded is None:
            return None
        names.keep(part)
        return encoded[1:-1]

    def _name_of(self, key: Any) -> str:
        if type(key) is str:
            return clean_text(key)
        plainer = Plainer(self._redaction, CALLER_WALK, stop_when_full=False, path=self._path, depth=self._depth)
        return plainer.name_of(key)

    def _list(self, kind: type, items: Batches[Any], name: str, hidden: bool) -> Iterator[Piece]:
        return _bracketed(b"[]", self._items(kind, items, name, hidden))

    def _items(self, kind: type, items: Batches[Any], name: str, hidden: bool) -> Iterator[Member]:
        for batch in items:
            if items.total == 2 and is_pair(kind, batch) and not hidden:
                yield from self._pair(batch, name)
                continue
            for part, together in self._parts(batch, lambda part: self._items_together(part, hidden)):
                if together is not None:
                    yield together, b""
                    continue
                for item in part:
                    yield b"", self._piece(item, name, hidden)
            if self._bytes_left <= 0 and items.left:
                yield b"", encode_json(f"[{items.left} more items left out: too large]")
                return
        if items.has_changed:
            yield b"", _CHANGED

    def _pair(self, pair: list[Any], name: str) -> Iterator[Member]:
        first, second = pair
        is_secret = type(first) in (str, bytes) and self._redaction.is_secret(self._name_of(first))
        yield b"", self._piece(first, name, False)
        yield b"", self._piece(second, name, is_secret)

    def _items_together(self, part: list[Any], hidden: bool) -> bytes | None:
        if hidden or self._asks:
            return None
        encoded = encode_plain(part, self._redaction, self._budget, MAX_DEPTH - self._depth + 1)
        return None if encoded is None else encoded[1:-1]

    def _parts(
        self, batch: list[Any], together: Callable[[list[Any]], bytes | None]
    ) -> Iterator[tuple[list[Any], bytes | None]]:
        """Yield the batch in parts as wide as fit into one step, each with its JSON where that can be had at once."""
        start = 0
        while start < len(batch):
            part = batch[start : start + self._width]
            try:
                encoded = together(part)
                self._width = min(self._width * 2, _WIDEST)
            except TooLarge:
                encoded = None
                self._width = max(1, len(part) // 4)
                if len(part) > 1:
                    continue
            start += len(part)
            yield part, encoded

    def _description(self, described: Described, hidden: bool) -> Iterator[Piece]:
        return _bracketed(b"{}", self._describing(described, hidden))

    def _describing(self, described: Described, hidden: bool) -> Iterator[Member]:
        yield b'"type":', encode_json(described.type)
        self._depth += 1
        if described.args is not None:
            message = self._message(described.args, hidden)
            if message is not None:
                yield b'"message":', encode_json(message)
            yield b'"args":', self._list(tuple, Batches.of(list(described.args)), "args", hidden)
        if described.attributes or described.args is None:
            attributes = dict(described.attributes)
            yield b'"attributes":', self._object(Batches.of(list(attributes.items())), attributes, hidden)
        self._depth -= 1

    def _message(self, args: tuple[Any, ...], hidden: bool) -> str | None:
        """Return the texts among an exception's arguments as one, if the first is a text; long ones are left out."""
        items = list(args[:_MOST_ARGS])
        if is_pair(tuple, items) and not hidden:
            pieces = [piece for _, piece in self._pair(items, "args")]
        else:
            pieces = [self._piece(item, "args", hidden) for item in items]
        texts = [_said(item, piece) for item, piece in zip(items, pieces, strict=True)]
        if not texts or texts[0] is None:
            return None
        return texts[0] if len(texts) == 1 else ": ".join(text for text in texts if text is not None)


def _bracketed(brackets: bytes, members: Iterator[Member]) -> Iterator[Piece]:
    opening = brackets[:1]
    for head, piece in members:
        yield opening + head
        yield piece
        opening = b","
    yield brackets if opening != b"," else brackets[1:]


def _said(value: Any, piece: Piece) -> str | None:
    """Return what JSON shows as the value if that is a text of Python's too, and no date or the like."""
    if not isinstance(piece, bytes) or piece[:1] != b'"':
        return None
    single = scalar(enum_value(value) if issubclass(type(value), enum.Enum) else value)
    is_text = piece == _MASKED or single is None or type(single.plain) is str
    return str(decode_json(piece)) if is_text else None


def _is_usual(kind: type) -> bool:
    return kind is dict or kind is list or kind is tuple or kind is set or kind is frozenset

"""Free-form metadata as a JSON object, masked and within what an event may hold."""

from collections.abc import Mapping
from typing import Any

from xray_trace.capture.at_once import encode_plain, encode_seen
from xray_trace.capture.containers import entries_of
from xray_trace.capture.json_codec import encode_json
from xray_trace.capture.plain import Plainer, free_key
from xray_trace.capture.probe import Budget, TooLarge, is_flat, is_shallow
from xray_trace.capture.redaction import Redaction

__all__ = ["MOST_BYTES", "TOO_LARGE", "encode_metadata"]

MOST_BYTES = 64 * 1024  # a quarter of an event's limit on the server; inline contents and summaries need the rest
TOO_LARGE = b'{"leftOut":"too large for metadata","bytes":'
"""What stands in the place of a value that makes the rest too large begins so."""

_WALK = Budget(nodes=20_000, text=MOST_BYTES * 16)  # more cannot fit into the limit once it is encoded
_LEAST_NODES = 100  # an entry's, however many entries there are: a large one must not use up its neighbours' share
_MOST_ENTRIES = 10_000  # more cannot fit: an entry takes six bytes at least
_NOTE_BYTES = 100  # what the two notes below take at most


def encode_metadata(values: Mapping[str, object], redaction: Redaction) -> bytes:
    """Return a JSON object; values that make it too large are replaced by their type and size, largest first."""
    body = _whole(values, redaction) if redaction.function is None and type(values) is dict else None
    if body is not None and len(body) <= MOST_BYTES:
        return body
    return _join(_bounded(_encode_each(values, redaction)))


def _whole(values: dict[str, object], redaction: Redaction) -> bytes | None:
    """Return all of it in one encoding, or None where it is too large, hides a secret or is not plain."""
    if is_flat(values, redaction.harmless) or is_shallow(values, redaction.harmless):
        return encode_seen(values)
    try:
        return encode_plain(values, redaction, _WALK)
    except TooLarge:
        return None


def _encode_each(values: Mapping[str, object], redaction: Redaction) -> dict[bytes, bytes]:
    """Return each entry's key and value as JSON."""
    entries = list(entries_of(values) or [("metadata", values)])
    share = Budget(_WALK.nodes // max(len(entries), 1) + _LEAST_NODES, _WALK.text)
    plain: dict[str, Any] = {}
    for key, value in entries[:_MOST_ENTRIES]:
        plainer = Plainer(redaction, share, stop_when_full=False)
        name = free_key(plainer.name_of(key), key, plain)
        plain[name] = plainer.convert(name, value)
    if len(entries) > _MOST_ENTRIES:
        plain["…"] = f"[{len(entries) - _MOST_ENTRIES} more entries left out: too many]"
    return {encode_json(name): encode_json(value) for name, value in plain.items()}


def _bounded(entries: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Replace the largest values by their size, then leave out the last entries, until the rest fits."""
    size = sum(map(_entry_bytes, entries.items()))
    for name in sorted(entries, key=lambda name: len(entries[name]), reverse=True):
        if size <= MOST_BYTES or len(entries[name]) <= _NOTE_BYTES:
            break
        note = b"%b%d}" % (TOO_LARGE, len(entries[name]))
        size += len(note) - len(entries[name])
        entries[name] = note
    return entries if size <= MOST_BYTES else _first_of(entries)


def _first_of(entries: dict[bytes, bytes]) -> dict[bytes, bytes]:
    kept: dict[bytes, bytes] = {}
    size = _NOTE_BYTES
    for name, value in entries.items():
        size += _entry_bytes((name, value))
        if size > MOST_BYTES:
            break
        kept[name] = value
    kept[encode_json("…")] = b'"[%d more entries left out: too large]"' % (len(entries) - len(kept))
    return kept


def _entry_bytes(entry: tuple[bytes, bytes]) -> int:
    return len(entry[0]) + len(entry[1]) + len(b":,")


def _join(entries: dict[bytes, bytes]) -> bytes:
    return b"{" + b",".join([name + b":" + value for name, value in entries.items()]) + b"}"

"""JSON as strictly as it is taken here: no duplicate keys, no NaN, no lone surrogates, bounded depth.

The decoder refuses lone surrogates and NaN by itself, but keeps the last of two equal keys. So what it
understood is encoded again and its colons are counted: one that went missing means a duplicate, or a colon inside
a string that was written as an escape. The slow way then tells which, and names the key.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from xray_backend.errors import BadRequest
from xray_backend.ingest.limits import Limits

__all__ = [
    "Flaw",
    "NotJson",
    "TooDeep",
    "depth_exceeds",
    "flaw_in",
    "holds_escaped_colon",
    "lenient",
    "parse_object",
    "strict",
    "top_level_keys",
]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

_WRAPPING_LEVELS: Final = 3
"""What a request puts around metadata: the body, its list, the item."""

_ESCAPED_COLON: Final = re.compile(rb"\\u003[aA]")
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class NotJson(ValueError):
    """A text that is not JSON as it is taken here; the message is a clear sentence without its subject."""


class TooDeep(NotJson):
    """A text that is nested deeper than a parser can follow."""

    def __init__(self) -> None:
        super().__init__("is nested too deeply")


@dataclass(frozen=True)
class Flaw:
    """Stands in a leniently parsed document where it breaks a rule."""

    message: str


def strict(text: bytes) -> Any:
    """Parse a JSON text. Raises `NotJson` if it breaks a rule."""
    try:
        value = _decode(text)
    except RecursionError:
        raise TooDeep from None
    except msgspec.ValidationError:
        raise NotJson("holds a number that is out of range") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJson(_why(text, error)) from None
    if _encode(value).count(b":") != text.count(b":") or holds_escaped_colon(text):
        flaw = flaw_in(lenient(text))
        if flaw is not None:
            raise NotJson(flaw)
    return value


def holds_escaped_colon(text: bytes) -> bool:
    """Tell whether a colon inside a string was written in another way."""
    return _ESCAPED_COLON.search(text) is not None


def parse_object(body: bytes, limits: Limits) -> dict[str, Any]:
    """Parse a request's body, which must be a JSON object. Raises `BadRequest` if it is not, or breaks a rule."""
    try:
        value = strict(body)
    except NotJson as error:
        raise BadRequest(f"The request body {error}.") from None
    if not isinstance(value, dict):
        raise BadRequest("The request body must be a JSON object.")
    bound = limits.max_depth + _WRAPPING_LEVELS
    if depth_exceeds(value, bound):
        raise BadRequest(f"The request body is nested deeper than {bound} levels.")
    return value


def lenient(text: bytes) -> Any:
    """Parse what the standard library takes for JSON, with a `Flaw` in each place where it is not.

    Raises `NotJson` if even that is not possible.
    """
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError:
        raise TooDeep from None
    except UnicodeDecodeError:
        raise NotJson("is not valid UTF-8") from None
    except ValueError as error:
        raise NotJson(f"is not valid JSON ({error})") from None


def top_level_keys(text: bytes) -> list[str]:
    """List the keys of a JSON object as they stand, duplicates included; only ASCII keys are read as they are meant.

    Raises `ValueError` if it is not JSON, `RecursionError` if it is nested too deeply.
    """
    keys: list[str] = json.loads(
        text.decode("latin-1"),  # any bytes will do: what is wrong inside an event is said of the event
        object_pairs_hook=lambda pairs: [key for key, _ in pairs],
        parse_int=str,  # an integer may have more digits than Python reads
        strict=False,
    )
    return keys


def flaw_in(value: object) -> str | None:
    """Find the first rule that a leniently parsed value breaks."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Flaw):
            return item.message
        if isinstance(item, str) and _LONE_SURROGATE.search(item):
            return "holds half of a surrogate pair, which is no character"
        if isinstance(item, dict):
            waiting.extend(reversed([*item.keys(), *item.values()]))
        elif isinstance(item, list):
            waiting.extend(reversed(item))
    return None


def depth_exceeds(value: object, bound: int) -> bool:
    """Tell whether objects and lists lie in each other more than `bound` deep; a plain value has depth 0."""
    level = [value]
    for _ in range(bound + 1):
        level = [inner for item in level if isinstance(item, (dict, list)) for inner in _inside(item)]
        if not level:
            return False
    return True


def _inside(container: Mapping[str, object] | list[object]) -> list[object]:
    inner = list(container.values()) if isinstance(container, Mapping) else container
    return inner or [None]


def _object(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return Flaw(f"has the key `{_LONE_SURROGATE.sub('?', key)[:100]}` twice in one object")
        seen.add(key)
    return found


def _constant(name: str) -> Flaw:
    return Flaw(f"holds {name}, which is not JSON; send it as a string")


def _why(text: bytes, error: Exception) -> str:
    """Say what is wrong with a text that the decoder refused."""
    try:
        flaw = flaw_in(lenient(text))
    except NotJson as worse:
        return str(worse)
    return flaw or f"is not valid JSON ({error})"

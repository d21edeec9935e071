"""Query parameters: each is checked, and described for the OpenAPI document beside its check."""

import math
import re
from datetime import datetime
from typing import Annotated

import msgspec
from flask import request

from xray_backend.api.described import Parameter
from xray_backend.errors import BadRequest
from xray_backend.ingest.times import LAST_MS, to_ms

__all__ = ["CURSOR", "LIMIT", "choice", "cursor", "flag", "limit", "signed", "step_name", "time_ms"]

DEFAULT_LIMIT = 50  # the wire contract's number
MAX_LIMIT = 100  # the wire contract's number
CURSOR = Parameter("The nextCursor of the page before.", {"type": "string"})
LIMIT = Parameter(
    "How many to answer with.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
)
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


def limit() -> int:
    """Return how many documents are asked for."""
    raw = request.args.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch(r"\d{1,4}", raw, re.ASCII) or not 1 <= int(raw) <= MAX_LIMIT:
        raise BadRequest(f"The parameter limit must be a whole number from 1 to {MAX_LIMIT}.")
    return int(raw)


def cursor() -> str | None:
    """Return the cursor."""
    return request.args.get("cursor")


def choice(name: str, known: tuple[str, ...]) -> str | None:
    """Return one of a few words."""
    raw = request.args.get(name)
    if raw is not None and raw not in known:
        raise BadRequest(f"The parameter {name} must be one of {', '.join(known)}.")
    return raw


def flag(name: str) -> bool:
    """Tell whether a switch is on."""
    return choice(name, ("0", "1")) == "1"


def signed() -> dict[str, str]:
    """Return the parameters of a signed URL; none of them if one comes twice, since no URL was signed like that."""
    found = dict(request.args.items(multi=True))
    return found if len(found) == sum(map(len, request.args.listvalues())) else {}


def step_name() -> str | None:
    """Return the step's name to which an answer is narrowed."""
    return request.args.get("stepName")


def time_ms(name: str) -> int | None:
    """Return a time given as milliseconds or as ISO 8601 with an offset."""
    raw = request.args.get(name)
    if raw is None:
        return None
    try:
        ms = float(raw) if re.fullmatch(r"\d{1,15}([.]\d{1,9})?", raw, re.ASCII) else to_ms(_moment(raw))
    except msgspec.ValidationError:
        ms = -1
    if not 0 <= ms <= LAST_MS:
        raise BadRequest(
            f"The parameter {name} must be milliseconds since 1970 or an ISO 8601 time with an offset, "
            "like 2026-01-11T16:54:53Z."
        )
    return math.floor(ms)  # as stored times are, so that the time of a trace finds this trace


def _moment(raw: str) -> datetime:
    moment: datetime = msgspec.convert(raw.replace(" ", "+"), _Moment)  # a plus sign in a URL arrives as a space
    return moment

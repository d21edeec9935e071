"""JSON answers, encoded by msgspec; stored documents pass through as the bytes that they are."""

from typing import Any

import msgspec
from flask import Response
from flask.json.provider import JSONProvider

__all__ = ["MsgspecJson", "answer"]


class MsgspecJson(JSONProvider):
    """Flask's JSON, through msgspec."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Encode to text."""
        return msgspec.json.encode(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Decode."""
        return msgspec.json.decode(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Encode one object straight to the answer's bytes."""
        return Response(msgspec.json.encode(args[0]), mimetype="application/json")


def answer(content: object) -> Response:
    """Return a 200 with this content; `msgspec.Raw` in it is copied as it is."""
    return Response(msgspec.json.encode(content), mimetype="application/json")

"""The bytes of a request, plain or gzip, never more than the limit; and their fields, checked."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import msgspec
from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from xray_backend.api.arriving import ArrivingRoom
from xray_backend.api.body_room import BodyRoom
from xray_backend.api.context import services
from xray_backend.api.gzip_body import GzipBody, Readable
from xray_backend.errors import BadRequest, TooLarge, Unavailable, UnsupportedMedia
from xray_backend.ingest.strict_json import parse_object
from xray_backend.ingest.unacceptable import explain

__all__ = ["BodyStream", "install_body_room", "install_draining", "read_body", "read_fields"]

T = TypeVar("T")
CHUNK_BYTES = 32 * 1024
DRAINED_BYTES = 20 * 1024 * 1024  # four times what a request may bring: clients that are worse do not matter
_BROKE_OFF = "The request body broke off before its announced end."
_ARRIVING = "xray-arriving-room"
_ROOM = "xray-body-room"


class BodyStream:
    """The body as it arrives, announced or in chunks, and never more than the limit."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._left = limit_bytes + 1  # one more, by which a body over the limit gives itself away
        request.max_content_length = self._left

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end. Raises `TooLarge` over the limit, `BadRequest` if the body breaks off."""
        try:
            found = request.stream.read(min(size, self._left))
        except ClientDisconnected:
            raise BadRequest(_BROKE_OFF) from None
        except RequestEntityTooLarge:
            raise self._over() from None
        self._left -= len(found)
        if self._left <= 0:
            raise self._over()
        announced = request.content_length
        if not found and announced is not None and announced > self._limit_bytes + 1 - self._left:
            raise BadRequest(_BROKE_OFF)  # the stream itself does not tell this end from the right one
        return found

    def _over(self) -> TooLarge:
        return TooLarge(f"The request body may have {self._limit_bytes} bytes at most.")


def read_body() -> bytes:
    """Return the body, decompressed.

    Raises `UnsupportedMedia` if it is not JSON or encoded otherwise than gzip, `TooLarge` if it is over the limit,
    `BadRequest` if it breaks off or the gzip is broken, `Unavailable` if there is no room for it.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMedia("Send JSON, with the header `Content-Type: application/json`.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMedia("The body may be plain or `Content-Encoding: gzip`, nothing else.")
    limit_bytes = services().config.max_body_bytes
    plain = BodyStream(limit_bytes)
    return _received(GzipBody(plain) if encoding == "gzip" else plain, limit_bytes)


def _received(body: Readable, limit_bytes: int) -> bytes:
    """Return the body once all of it is here."""
    room: ArrivingRoom = current_app.extensions[_ARRIVING]
    with _disk_failures_told(), room.body(str(services().config.data_dir)) as arrived:
        while chunk := body.read(CHUNK_BYTES):
            arrived.write(chunk)
            if arrived.size_bytes > limit_bytes:
                raise TooLarge(f"The request body may have {limit_bytes} bytes at most, decompressed.")
        g.taken_bytes = current_app.extensions[_ROOM].take(arrived.size_bytes)
        return arrived.read()


@contextmanager
def _disk_failures_told() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise Unavailable("The server's disk did not take the request; nothing was stored. Try again.") from None


def read_fields(shape: type[T]) -> T:
    """Return the body as an object of this shape. Raises as `read_body`, and `BadRequest` if a field is wrong."""
    fields: dict[str, Any] = parse_object(read_body(), services().limits)
    try:
        return msgspec.convert(fields, shape)
    except msgspec.ValidationError as error:
        raise BadRequest(explain(error, "The request body")) from None


def install_body_room(app: Flask) -> None:
    """Let only so much of all bodies be in memory while they arrive, and be worked on at once."""
    app.extensions[_ARRIVING] = ArrivingRoom()
    room = app.extensions[_ROOM] = BodyRoom()

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        room.give_back(g.pop("taken_bytes", 0))


def install_draining(app: Flask) -> None:
    """Take in what is left of a refused request's body: a client that is still sending would not hear the refusal."""

    @app.after_request
    def drain(response: Response) -> Response:
        source = request.environ["wsgi.input"]
        left = DRAINED_BYTES
        with suppress(OSError):  # it broke off
            while left > 0 and (chunk := source.read(CHUNK_BYTES)):
                left -= len(chunk)
        return response

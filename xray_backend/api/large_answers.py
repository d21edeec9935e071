"""Answers too large to be kept in memory until a slow client has taken them wait in a file."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from flask import Flask, Response

from xray_backend.errors import Unavailable
from xray_backend.store.records import Json

__all__ = ["install_large_answers", "list_answer"]

LARGE_BYTES = 64 * 1024  # a thousand clients that are slow to take as much come to 64 MiB
CHUNK_BYTES = 32 * 1024
RETRY_AFTER_SECONDS = 60  # a full disk stays full for a while


def install_large_answers(app: Flask, folder: Path) -> None:
    """Keep large answers in files of this folder, which have no name and so are gone with the process."""

    @app.after_request
    def set_aside(response: Response) -> Response:
        if not response.is_sequence or (response.content_length or 0) <= LARGE_BYTES:
            return response
        with suppress(OSError):  # the disk is full, and reading goes on nevertheless
            file = _written(response.get_data(), folder)
            response.response = _chunks(file)
            response.call_on_close(file.close)
        return response


def list_answer(field: str, pieces: Iterable[Sequence[Json]], folder: Path) -> Response:
    """Return a 200 with a list of documents, which is never whole in memory where it is long.

    Raises `Unavailable` if there is no room for it on the disk, and whatever reading a piece raises.
    """
    with ExitStack() as held:
        file = held.enter_context(tempfile.SpooledTemporaryFile(LARGE_BYTES, dir=str(folder)))
        size_bytes = _write_list(field, pieces, file)
        response = Response(_chunks(file), mimetype="application/json")
        response.content_length = size_bytes
        response.call_on_close(held.pop_all().close)
        return response


def _write_list(field: str, pieces: Iterable[Sequence[Json]], file: IO[bytes]) -> int:
    """Write the list, return its length, and stand at its beginning."""
    try:
        file.write(f'{{"{field}":['.encode())
        for number, piece in enumerate(pieces):
            file.write((b"," if number else b"") + b",".join(piece))
        file.write(b"]}")
        size_bytes = file.tell()
        file.seek(0)
    except OSError as error:
        raise Unavailable(
            "The server's disk has no room for so long a list; ask for a part of it, or try again when there is room.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        ) from error
    return size_bytes


def _written(content: bytes, folder: Path) -> IO[bytes]:
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the answer
    try:
        file.write(content)
        file.seek(0)
    except OSError:
        file.close()
        raise
    return file


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk

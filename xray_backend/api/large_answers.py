"""Answers too large to be kept in memory until a slow client has taken them wait in a file."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from flask import Flask, Response

__all__ = ["install_large_answers"]

LARGE_BYTES = 64 * 1024  # a thousand clients that are slow to take as much come to 64 MiB
CHUNK_BYTES = 32 * 1024


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

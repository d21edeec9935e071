"""`xray-backend import`: lines that `export` wrote become a project's again, through the checks of `POST /ingest`."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from xray_backend.blobs.files import FileBlobStore
from xray_backend.blobs.signing import UrlSigner
from xray_backend.commands.export import FORMAT, VERSION
from xray_backend.commands.incoming_blob import IncomingBlob
from xray_backend.commands.progress import Progress
from xray_backend.commands.snapshot import database_of
from xray_backend.config import Config
from xray_backend.errors import ApiError, CommandError
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.shapes import TraceStart
from xray_backend.ingest.taken import Rejection
from xray_backend.ingest.wire import NoneValid, parse_ingest
from xray_backend.metrics import Metrics
from xray_backend.parts import limits_of, open_files, open_store

__all__ = ["import_project"]

BATCH_LINES: Final = 500
"""Half of what a request may have, so that other writers wait no longer than for one."""

BATCH_BYTES: Final = 1024 * 1024
"""A quarter of what a request may have."""

Line = tuple[int, bytes]
"""A line with its number, from 1."""


def import_project(config: Config, file: Path, project_id: str | None) -> bool:
    """Take all lines that are right, and tell of each other one; true if there was none. Idempotent, by id.

    Raises `CommandError` if the file is no export, or if there is no such project.
    """
    database_of(config)
    store = open_store(config)
    try:
        with open(file, "rb") as source:
            target = project_id or _project_of(source.readline(), file)
            if store.project(target) is None:
                raise CommandError(f"There is no project {target} here; name another one with --project.")
            source.seek(0)
            signer = UrlSigner("", secrets.token_hex(32))  # for URLs that only this process sees
            blobs = open_files(config, store, signer)
            importing = _Importing(target, Processor(store, Metrics()), blobs, limits_of(config))
            return importing.run(source)
    finally:
        store.close()


def _project_of(line: bytes, file: Path) -> str:
    try:
        header = msgspec.json.decode(line)
        known = (header["type"], header["format"], header["version"]) == ("export", FORMAT, VERSION)
        project_id = str(header["projectId"])
    except (msgspec.DecodeError, KeyError, TypeError):
        known, project_id = False, ""
    if not known:
        raise CommandError(f"{file} does not begin as an export of version {VERSION}; name the project with --project.")
    return project_id


class _Head(msgspec.Struct):
    type: str
    lines: int | None = None


class _Importing:
    """Reads the lines in their order: events in batches, blobs piece by piece."""

    def __init__(self, project_id: str, processor: Processor, blobs: FileBlobStore, limits: Limits) -> None:
        self._project_id = project_id
        self._processor = processor
        self._limits = limits
        self._batch: list[Line] = []
        self._batch_bytes = 0
        self._blob = IncomingBlob(project_id, blobs)
        self._refused = 0
        self._counts = {"traces read": 0, "new": 0, "there already": 0, "deleted here": 0, "blobs": 0}
        self._ended = False

    def run(self, source: IO[bytes]) -> bool:
        """Take the lines, and tell what came of them."""
        with Progress("lines") as progress:
            for number, line in enumerate(source, 1):
                self._take(number, line)
                progress.add(1)
        self._store_batch()
        self._blob_ended()
        if not self._ended:
            self._refuse(0, "the end is missing, so lines may be missing, too")
        print(", ".join(f"{count:,} {what}" for what, count in self._counts.items()))
        if self._refused:
            print(f"{self._refused:,} lines were not taken; each is told above.")
        return not self._refused

    def _take(self, number: int, line: bytes) -> None:
        try:
            head = msgspec.json.decode(line, type=_Head)
        except msgspec.DecodeError as error:
            self._refuse(number, f"the line is no JSON object with a type ({error})")
            return
        if head.type == "blob":
            self._store_batch()
            self._take_blob(number, line)
        elif head.type == "end":
            self._ended = True
        elif head.type != "export":
            self._batch.append((number, line))
            self._batch_bytes += len(line)
            if len(self._batch) >= min(BATCH_LINES, self._limits.max_events) or self._batch_bytes >= BATCH_BYTES:
                self._store_batch()

    def _store_batch(self) -> None:
        """Store the events that wait. Raises `Unavailable` if they cannot be kept; the import may be repeated."""
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        if not batch:
            return
        body = b'{"events":[' + b",".join(line.strip() for _, line in batch) + b"]}"
        try:
            parsed = parse_ingest(body, self._limits, self._project_id)
        except NoneValid as error:
            self._refuse_all(batch, error.rejected)
            return
        except ApiError as error:
            for number, _ in batch:
                self._refuse(number, error.message)
            return
        self._refuse_all(batch, parsed.rejected)
        result = self._processor.process(self._processor.to_batch(self._project_id, parsed.events))
        self._counts["traces read"] += sum(isinstance(event, TraceStart) for event in parsed.events)
        self._counts["new"] += result.stored
        self._counts["there already"] += result.repeated
        self._counts["deleted here"] += result.deleted

    def _take_blob(self, number: int, line: bytes) -> None:
        try:
            self._counts["blobs"] += self._blob.take(line)
        except ApiError as error:
            self._refuse(number, error.message)

    def _blob_ended(self) -> None:
        if self._blob.is_open:
            self._blob.give_up()
            self._refuse(0, "the last blob is not whole, and was not stored")

    def _refuse_all(self, batch: Sequence[Line], rejected: Sequence[Rejection]) -> None:
        for rejection in rejected:
            self._refuse(batch[rejection.index][0], rejection.error)

    def _refuse(self, number: int, why: str) -> None:
        self._refused += 1
        print(f"line {number}: {why}" if number else f"at the end: {why}")

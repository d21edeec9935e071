"""PresignDesk: asks the server for places; what waits meanwhile is asked for together in the next question."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from xray_trace.export.answer import (
    Answer,
    Decision,
    Outcome,
    classify_presign,
    classify_presign_batch,
    classify_resume,
)
from xray_trace.export.blob_header import BlobHeader
from xray_trace.export.circuit import Circuit
from xray_trace.export.place import read_place

__all__ = ["Post", "PresignDesk"]

_TOGETHER = 32  # announcements in one question; at most a few hundred bytes each, far under any server's limit
_WHOLE_BYTES = 5 * 1024 * 1024  # over this the answer is a long list of parts, which is better asked for alone


class Post(Protocol):
    """Sends JSON to the server."""

    def __call__(self, path: str, body: bytes, /) -> Awaitable[Answer]:
        """Return what it answered."""


class _Question:
    def __init__(self, header: BlobHeader) -> None:
        self.header = header
        self.is_answered = False
        self.outcome: Outcome | None = None
        """What came of it; None where the server's word on it has to be asked for alone."""


class PresignDesk:
    """Announces blobs and returns outcomes; the answer of a DONE one names the place."""

    def __init__(self, post: Post, server: Circuit) -> None:
        self._post = post
        self._server = server
        self._waiting: list[_Question] = []
        self._asking = asyncio.Lock()

    async def announce(self, header: BlobHeader) -> Outcome:
        """Ask for a place for a blob."""
        if header.size_bytes <= _WHOLE_BYTES:
            outcome = await self._ask_with_others(_Question(header))
            if outcome is not None:
                return outcome
        return await self._server.attempt(lambda: self._ask_alone(header, classify_presign))

    async def resume(self, header: BlobHeader) -> Outcome:
        """Ask which parts of the header's upload are there and where the others go; REFUSE if it is not known."""
        return await self._server.attempt(lambda: self._ask_alone(header, classify_resume))

    async def _ask_with_others(self, question: _Question) -> Outcome | None:
        self._waiting.append(question)
        try:
            async with self._asking:
                await asyncio.sleep(0)  # lets those that woke together with us put their questions too
                while not question.is_answered:
                    await self._server.attempt(self._ask_for_all)
        finally:
            self._waiting = [other for other in self._waiting if other is not question]
        return question.outcome

    async def _ask_for_all(self) -> Outcome:
        asked = self._waiting[:_TOGETHER]
        headers = [question.header for question in asked]
        if len(headers) == 1:
            overall = await self._ask_alone(headers[0], classify_presign)
            outcomes: list[Outcome | None] = [overall]
        else:
            overall = await self._ask_together(headers)
            outcomes = _each(overall, headers)
        for question, outcome in zip(asked, outcomes, strict=True):
            question.outcome = outcome
            question.is_answered = True
        self._waiting = [question for question in self._waiting if not question.is_answered]
        return overall

    async def _ask_alone(self, header: BlobHeader, classify: Callable[[Answer], Decision]) -> Outcome:
        return _judged(await self._post("/api/v1/presign", _announcement(header)), header, classify)

    async def _ask_together(self, headers: list[BlobHeader]) -> Outcome:
        body = b'{"items":[' + b",".join(_announcement(header) for header in headers) + b"]}"
        answer = await self._post("/api/v1/presign/batch", body)
        return Outcome(classify_presign_batch(answer), answer)


def _judged(answer: Answer, header: BlobHeader, classify: Callable[[Answer], Decision]) -> Outcome:
    """Decide on the answer for one blob; a place that does not fit the blob is none."""
    decision = classify(answer)
    if decision is Decision.DONE and read_place(answer.body, header.size_bytes) is None:
        decision = Decision.RETRY
    return Outcome(decision, answer)


def _each(overall: Outcome, headers: list[BlobHeader]) -> list[Outcome | None]:
    """Return what a question for several came to for each; an error in a place says too little to act upon."""
    if overall.decision in (Decision.RETRY, Decision.PAUSE):
        return [overall] * len(headers)
    items = overall.answer.json().get("items")
    if overall.decision is not Decision.DONE or not isinstance(items, list) or len(items) != len(headers):
        return [None] * len(headers)
    answers = [Answer(200, msgspec.json.encode(item)) for item in items]
    found = [_judged(answer, header, classify_presign) for answer, header in zip(answers, headers, strict=True)]
    return [outcome if outcome.decision is Decision.DONE else None for outcome in found]


def _announcement(header: BlobHeader) -> bytes:
    content: dict[str, object] = {
        "dataId": header.data_id,
        "traceId": header.trace_id,
        "key": header.key,
        "metadata": header.metadata,
        "contentType": header.content_type,
        "sizeBytes": header.size_bytes,
        "sha256": header.sha256,
    }
    if header.upload_id:
        content["uploadId"] = header.upload_id
    return msgspec.json.encode(content)

"""What the server said, and what that means for what was sent."""

import enum
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

__all__ = [
    "Answer",
    "Decision",
    "Outcome",
    "classify_complete",
    "classify_ingest",
    "classify_part",
    "classify_presign",
    "classify_presign_batch",
    "classify_put",
    "classify_resume",
]


class Decision(enum.Enum):
    """What becomes of the thing that was sent."""

    DONE = "done"
    RETRY = "retry"
    """Nothing is known to be delivered; try again later."""
    REFUSE = "refuse"
    """The server never will take it as it is."""
    SPLIT = "split"
    """It is too large as a whole."""
    PAUSE = "pause"
    """The key is not accepted; nothing can be sent until it is."""


@dataclass(frozen=True)
class Answer:
    """A status with what came along; status 0 where there was no answer at all."""

    status: int
    body: bytes = b""
    retry_after_seconds: float | None = None
    etag: str = ""
    """The name that the blob store gave to what was put, as it came."""
    problem: str = ""
    """Why there was no answer."""

    def json(self) -> dict[str, object]:
        """Return the body's JSON object, an empty one where it is none."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def describe(self) -> str:
        """Say in words what happened."""
        if not self.status:
            return self.problem
        error = self.json().get("error")
        return f"it answered {self.status}" + (f": {error[:200]}" if isinstance(error, str) else "")


class Outcome(NamedTuple):
    """What an attempt came to; `answer` is the last one heard."""

    decision: Decision
    answer: Answer


_COMMON = {400: Decision.REFUSE, 401: Decision.PAUSE, 403: Decision.PAUSE, 413: Decision.SPLIT}
# S3 answers 400 also where a link was slow or cut, and where the server's own credentials ended before the URL's hour.
_PASSING = (b"<Code>RequestTimeout</Code>", b"<Code>IncompleteBody</Code>", b"<Code>ExpiredToken</Code>")
_PRESIGN = {**_COMMON, 413: Decision.REFUSE}


def classify_ingest(answer: Answer) -> Decision:
    """Decide on a batch; what is not clearly our server's word keeps the batch."""
    if answer.status == 200:
        return Decision.DONE if answer.json().get("success") is True else Decision.RETRY
    return _COMMON.get(answer.status, Decision.RETRY)


def classify_presign(answer: Answer) -> Decision:
    """Decide on a blob for which a place was asked; DONE means that the answer names one."""
    if answer.status == 200:
        content = answer.json()
        is_place = isinstance(content.get("presignedUrl"), str) or isinstance(content.get("upload"), dict)
        return Decision.DONE if is_place else Decision.RETRY
    return _PRESIGN.get(answer.status, Decision.RETRY)


def classify_resume(answer: Answer) -> Decision:
    """Decide on an upload that is to go on; REFUSE means that the server knows it no more."""
    return Decision.REFUSE if answer.status == 404 else classify_presign(answer)


def classify_presign_batch(answer: Answer) -> Decision:
    """Decide on several blobs for which places were asked; REFUSE means asking for each by itself."""
    if answer.status == 200:
        return Decision.DONE if isinstance(answer.json().get("items"), list) else Decision.RETRY
    return Decision.REFUSE if answer.status in (404, 405) else _PRESIGN.get(answer.status, Decision.RETRY)


def classify_put(answer: Answer) -> Decision:
    """Decide on a blob that was sent; 403 only says that the URL is too old, so another is asked for."""
    if answer.status in (200, 201, 204, 409):  # 409: the blob is there already
        return Decision.DONE
    if answer.status == 400 and any(word in answer.body for word in _PASSING):
        return Decision.RETRY
    return Decision.REFUSE if answer.status in (400, 413) else Decision.RETRY


def classify_part(answer: Answer) -> Decision:
    """Decide on a part that was sent; without its ETag nobody can say that it is there."""
    decision = classify_put(answer)
    return Decision.RETRY if decision is Decision.DONE and not answer.etag else decision


def classify_complete(answer: Answer) -> Decision:
    """Decide on an upload whose parts are all there; REFUSE means that it has to begin anew."""
    if answer.status == 200:
        return Decision.DONE if answer.json().get("success") is True else Decision.RETRY
    return Decision.REFUSE if answer.status == 404 else _PRESIGN.get(answer.status, Decision.RETRY)

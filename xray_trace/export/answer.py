"""What the server said, and what that means for what was sent."""

import enum
from dataclasses import dataclass

import msgspec

__all__ = ["Answer", "Decision", "classify_ingest", "classify_presign", "classify_put"]


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


_COMMON = {400: Decision.REFUSE, 401: Decision.PAUSE, 403: Decision.PAUSE, 413: Decision.SPLIT}


def classify_ingest(answer: Answer) -> Decision:
    """Decide on a batch; what is not clearly our server's word keeps the batch."""
    if answer.status == 200:
        return Decision.DONE if answer.json().get("success") is True else Decision.RETRY
    return _COMMON.get(answer.status, Decision.RETRY)


def classify_presign(answer: Answer) -> Decision:
    """Decide on a blob for which a place was asked; DONE means that the place is known."""
    if answer.status == 200:
        return Decision.DONE if isinstance(answer.json().get("presignedUrl"), str) else Decision.RETRY
    return {**_COMMON, 413: Decision.REFUSE}.get(answer.status, Decision.RETRY)


def classify_put(answer: Answer) -> Decision:
    """Decide on a blob that was sent; 403 only says that the URL is too old, so another is asked for."""
    if answer.status in (200, 201, 204, 409):  # 409: the blob is there already
        return Decision.DONE
    return Decision.REFUSE if answer.status in (400, 413) else Decision.RETRY

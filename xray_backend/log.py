"""The server's log: one JSON object a line, whoever in the process writes it."""

import logging
import sys
import time
from typing import Final

import msgspec

__all__ = ["STREAMS", "JsonLines", "install_log"]

STREAMS: Final = ("stderr", "stdout", "none")

_TIME: Final = "%Y-%m-%dT%H:%M:%S"


class JsonLines(logging.Formatter):
    """Formats a record with its time, level, logger and message, and the fields that it brings."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line: dict[str, object] = {
            "time": f"{time.strftime(_TIME, time.gmtime(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def install_log(stream: str) -> None:
    """Write all that is logged in this process to a stream, or nothing; a second call takes the place of the first."""
    handler: logging.Handler = logging.NullHandler()
    if stream != "none":
        handler = logging.StreamHandler(sys.stdout if stream == "stdout" else sys.stderr)
        handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("xray_backend").setLevel(logging.INFO)

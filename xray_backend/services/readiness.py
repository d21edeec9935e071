"""Whether the server can do its work: it asks each part that it needs."""

from collections.abc import Callable, Mapping

from xray_backend.errors import Unavailable

__all__ = ["Readiness"]


class Readiness:
    """Asks the parts, by the names that an answer may show."""

    def __init__(self, pings: Mapping[str, Callable[[], None]]) -> None:
        self._pings = pings

    def check(self) -> None:
        """Return if every part answers. Raises `Unavailable`, naming those that do not."""
        away = [name for name, ping in self._pings.items() if not _answers(ping)]
        if away:
            raise Unavailable(f"Not ready: {' and '.join(away)} cannot be used right now.", details={"away": away})


def _answers(ping: Callable[[], None]) -> bool:
    try:
        ping()
    except Unavailable:
        return False
    return True

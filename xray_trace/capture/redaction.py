"""Which names hide a secret, and what stands in the secret's place."""

import re
from collections.abc import Collection, Iterable

from xray_trace.capture.failure import pass_on_signal
from xray_trace.config import DEFAULT_REDACTED_NAMES, Redact

__all__ = ["MASK", "MaskingFailed", "Redaction"]

MASK = "[redacted]"

_CACHED_NAMES = 10_000  # a program has far fewer names than this; dicts keyed by data must not grow the memory
_LONGEST_NAME = 256  # characters that are looked at; a longer key is data, and its start still tells
_WORD_START = re.compile(
    r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][^\W\d_A-Z])|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)"
)
_SEPARATORS = re.compile(r"[\W_]+")


class MaskingFailed(Exception):
    """The user's function raised; the value is left out, because nobody knows what in it is secret."""


class Redaction:
    """Tells secret names from harmless ones, and remembers the answer.

    A name is secret if one of the listed names is in it as whole words: `apiKey`, `x-api-key` and `API_KEY` all
    hold `api_key`; `tokenizer` does not hold `token`. A function in the list's place masks besides the default list.
    """

    def __init__(self, redact: tuple[str, ...] | Redact) -> None:
        listed = redact if isinstance(redact, tuple) else DEFAULT_REDACTED_NAMES
        self.function: Redact | None = None if isinstance(redact, tuple) else redact
        self._needles = frozenset(filter(None, ("".join(_words(name)) for name in listed)))
        self._most_letters = max(map(len, self._needles), default=0)
        self.harmless: set[str] = set()
        """Names that were met and are none."""
        self._secret: set[str] = set()

    def is_secret(self, name: str) -> bool:
        """Tell whether strings under this name are masked."""
        if name in self.harmless:
            return False
        return name in self._secret or self._judge(name)

    def are_harmless(self, names: Collection[str]) -> bool:
        """Tell whether none of the names is secret."""
        return self.harmless.issuperset(names) or not any(map(self.is_secret, names))

    def asks_to_mask(self, name: str, value: object) -> bool:
        """Ask the user's function, if there is one; raises MaskingFailed if it fails."""
        if self.function is None:
            return False
        try:
            return bool(self.function(name, value))
        except Exception as error:
            pass_on_signal(error)
            raise MaskingFailed from error

    def _judge(self, name: str) -> bool:
        secret = any(run in self._needles for run in self._runs(_words(name[:_LONGEST_NAME])))
        known = self._secret if secret else self.harmless
        if len(known) >= _CACHED_NAMES:
            known.clear()
        known.add(name)
        return secret

    def _runs(self, words: list[str]) -> Iterable[str]:
        """Yield each run of neighbouring words, joined, that is not too long to be a listed name."""
        for start in range(len(words)):
            run = ""
            for word in words[start:]:
                run += word
                if len(run) > self._most_letters:
                    break
                yield run


def _words(name: str) -> list[str]:
    """Split a name in snake, camel, kebab or dotted case into its words, in lower case."""
    return [word for word in _SEPARATORS.split(_WORD_START.sub("_", name).lower()) if word]

"""Which names hide a secret, and what stands in the secret's place."""

import re
from collections.abc import Collection

from xray_trace.capture.failure import pass_on_signal
from xray_trace.config import DEFAULT_REDACTED_NAMES, Redact

__all__ = ["MASK", "MaskingFailed", "Redaction"]

MASK = "[redacted]"

_REMEMBERED_NAMES = 10_000  # a program has far fewer names than this; at most a megabyte or two
_LONGEST_REMEMBERED = 64  # characters; a longer key is data
_MOST_NEW = 100  # names that are remembered of one value; a dict that brings more is keyed by data
_LOOKED_THROUGH_TOGETHER = 256  # names
_MOST_SUSPECTS = 1_000  # judged of one value at once, at some 4 µs each

_SEPARATORS = re.compile(r"[\W_]+")
_WITHOUT_SEPARATORS = {code: None for code in range(128) if not chr(code).isalnum()}
_CHANGE_OF_CASE = r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][^\W\d_A-Z])|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)"
_WORD_STARTS = rf"(?:(?<![^\W_])|{_CHANGE_OF_CASE})"
_WORD_ENDS = rf"(?:(?![^\W_])|{_CHANGE_OF_CASE})"


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
        letters = frozenset(filter(None, map(_squeezed, listed)))
        self._needles = tuple(word for word in letters if not any(other in word for other in letters - {word}))
        self._secret = re.compile(_pattern(letters))
        self.harmless: set[str] = set()
        """Names that were met and are none; each can be an artifact's key as it is."""

    def is_secret(self, name: str) -> bool:
        """Tell whether strings under this name are masked."""
        return not self.are_harmless((name,))

    def are_harmless(self, names: Collection[str]) -> bool:
        """Tell whether none of the names is secret; of very many that might be it may say no without asking all."""
        if self.harmless.issuperset(names):
            return True
        new = [name for name in names if name not in self.harmless]
        suspects = 0
        for start in range(0, len(new), _LOOKED_THROUGH_TOGETHER):
            together = new[start : start + _LOOKED_THROUGH_TOGETHER]
            if self._may_hide_one(together):
                suspects += len(together)
                if suspects > _MOST_SUSPECTS or any(map(self._judge, together)):
                    return False
        self._remember(new)
        return True

    def asks_to_mask(self, name: str, value: object) -> bool:
        """Ask the user's function, if there is one; raises MaskingFailed if it fails."""
        if self.function is None:
            return False
        try:
            return bool(self.function(name, value))
        except Exception as error:
            pass_on_signal(error)
            raise MaskingFailed from error

    def _may_hide_one(self, names: list[str]) -> bool:
        """Look through many names at once, in a fraction of the time that judging them takes."""
        letters = _squeezed("_".join(names))
        return any(needle in letters for needle in self._needles)

    def _judge(self, name: str) -> bool:
        return self._secret.search(name) is not None

    def _remember(self, names: list[str]) -> None:
        if len(names) > _MOST_NEW:
            return
        if len(self.harmless) >= _REMEMBERED_NAMES:
            self.harmless.clear()
        self.harmless.update(name for name in names if len(name) <= _LONGEST_REMEMBERED and name.isprintable())


def _squeezed(text: str) -> str:
    """Return the letters and digits alone, in lower case."""
    text = text.lower()
    return text.translate(_WITHOUT_SEPARATORS) if text.isascii() else _SEPARATORS.sub("", text)


def _pattern(listed: Collection[str]) -> str:
    """Return what finds one of these as whole words; looking at the first letter first halves the time."""
    if not listed:
        return "(?!)"  # finds nothing
    first = _either_case("".join({letters[0] for letters in listed}))
    spaced = "|".join(r"[\W_]*".join(map(_either_case, letters)) for letters in listed)
    return f"(?={first}){_WORD_STARTS}(?:{spaced}){_WORD_ENDS}"


def _either_case(letters: str) -> str:
    return f"[{letters}{letters.upper()}]"

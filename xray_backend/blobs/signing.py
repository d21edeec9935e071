"""URLs of this server that prove by themselves what they allow: HMAC-SHA256 over all that they say."""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

import msgspec

from xray_backend.errors import Forbidden

__all__ = ["UrlSigner"]

LIFETIME_SECONDS = 60 * 60  # the wire contract's number
_EXPIRES = "expires"
_SIGNATURE = "signature"


class UrlSigner:
    """Signs a method, a path, an expiry and any further terms; a URL is right only as a whole."""

    def __init__(self, base_url: str, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._base_url = base_url
        self._clock = clock
        # A key of its own, so that no signature made for a token can ever pass for one made for a URL.
        self._key = hmac.digest(secret.encode(), b"xray signed URL, version 1", "sha256")

    def sign(self, method: str, path: str, terms: Mapping[str, str]) -> str:
        """Return the URL that allows this for an hour."""
        expires = str(int(self._clock()) + LIFETIME_SECONDS)
        signed = {**terms, _EXPIRES: expires}
        signed[_SIGNATURE] = self._signature(method, path, signed)
        return f"{self._base_url}{quote(path, safe='/:')}?{urlencode(signed)}"

    def check(self, method: str, path: str, arguments: Mapping[str, str]) -> dict[str, str]:
        """Return the terms that were signed. Raises `Forbidden` if the URL is not ours, altered or expired."""
        terms = dict(arguments)
        signature = terms.pop(_SIGNATURE, "")
        expected = self._signature(method, path, terms)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise Forbidden("This URL was not signed by this server for this request.")
        if int(terms.pop(_EXPIRES, "0")) < self._clock():
            raise Forbidden("This URL has expired; ask for a new one.")
        return terms

    def _signature(self, method: str, path: str, terms: Mapping[str, str]) -> str:
        said = msgspec.json.encode([method, path, sorted(terms.items())])  # a list: no two URLs say the same text
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()

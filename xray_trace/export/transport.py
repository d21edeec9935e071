"""Transport: HTTP to the server and to presigned URLs; foreign errors end here and become answers."""

import asyncio
import ipaddress
import time
import urllib.request
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

import aiohttp

from xray_trace.config import Config
from xray_trace.export.answer import Answer
from xray_trace.export.backoff import retry_after_seconds
from xray_trace.export.blob import Slice
from xray_trace.export.compression import GZIP_FROM_BYTES, gzipped
from xray_trace.export.resolver import DaemonResolver

__all__ = ["Transport"]

_CONNECT_SECONDS = 10.0  # a host that does not answer by then is away
_ANSWER_SECONDS = 30.0  # the server answers once the batch is on its disk; longer is a hang
_SILENCE_SECONDS = 60.0  # a blob may take long, but not without a sign of life
_MAX_ANSWER_BYTES = 16 * 1024 * 1024  # ten thousand parts with their URLs fit, the most that S3 knows
_CHUNK_BYTES = 256 * 1024  # one write; aiohttp warns about bytes over 1 MiB, and warnings may be errors
_IDLE_SECONDS = 15.0  # three times the interval between batches, so that a steady stream keeps its connections


class Transport:
    """One connection pool. Follows no redirect: the key goes to the configured server and nowhere else.

    Proxies of the environment are used, but never for this machine itself. `trust_env` is not, because it
    would also add credentials from ~/.netrc, with which a presigned URL is refused.
    """

    def __init__(self, config: Config) -> None:
        self._base_url = config.base_url
        self._key = config.api_key or ""
        self._may_compress = not _is_loopback(urlsplit(config.base_url).hostname or "")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=DaemonResolver(), keepalive_timeout=_IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "xray-trace"},
        )

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
        """Send JSON to the server, with the key."""
        own = {"x-api-key": self._key, "Content-Type": "application/json", "Content-Length": str(len(body))}
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        return await self._request("POST", self._base_url + path, {**headers, **own}, _chunks(body), timeout)

    async def post_packed(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send JSON as `post` does, compressed where that saves more than it costs."""
        if not self._may_compress or len(body) < GZIP_FROM_BYTES:
            return await self.post(path, body, headers)
        answer = await self.post(path, await gzipped(body), {**headers, "Content-Encoding": "gzip"})
        if answer.status == 415:  # something on the way does not know it; the next goes as it is
            self._may_compress = False
        return answer

    async def put(self, url: str, content: Slice, content_type: str) -> Answer:
        """Stream bytes to a presigned URL, without the key, wherever that URL leads."""
        if not url.lower().startswith(("http://", "https://")):
            return Answer(0, problem="the presigned URL is neither http nor https")
        headers = {"Content-Length": str(content.length)}
        if content_type:
            headers["Content-Type"] = content_type
        timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS)
        skip = () if content_type else ("Content-Type",)
        return await self._request("PUT", url, headers, content, timeout, skip)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _request(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: AsyncIterable[bytes],
        timeout: aiohttp.ClientTimeout,
        skip_headers: tuple[str, ...] = (),
    ) -> Answer:
        try:
            async with self._session.request(
                method, url, headers=headers, data=body, timeout=timeout, proxy=_proxy(url),
                allow_redirects=False, skip_auto_headers=skip_headers,
            ) as response:  # fmt: skip
                content = await _bounded(response.content)
                wait = retry_after_seconds(response.headers.get("Retry-After"), time.time())
                return Answer(response.status, content, wait, response.headers.get("ETag", ""))
        except asyncio.TimeoutError:
            return Answer(0, problem="it did not answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(0, problem=f"it could not be reached ({type(error).__name__})")


async def _bounded(stream: aiohttp.StreamReader) -> bytes:
    content = bytearray()
    async for chunk in stream.iter_any():
        content += chunk
        if len(content) > _MAX_ANSWER_BYTES:
            return b""
    return bytes(content)


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _CHUNK_BYTES):
        yield body[start : start + _CHUNK_BYTES]


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")

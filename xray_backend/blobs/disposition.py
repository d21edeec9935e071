"""The headers under which captured bytes are given back: a browser shows a few kinds and runs none."""

import re
from urllib.parse import quote

__all__ = ["headers_for"]

# What a browser draws without running anything in it; all else (HTML, SVG, XML, PDF, scripts) is a download.
_SHOWN = frozenset({"text/plain", "application/json", "image/png", "image/jpeg", "image/gif", "image/webp"})
_MEDIA_TYPE = re.compile(r"([\w.+-]{1,100}/[\w.+-]{1,100})(?:\s*;\s*charset=([\w-]{1,40}))?", re.ASCII)


def headers_for(content_type: str | None, file_name: str) -> dict[str, str]:
    """Return the headers; a content type that is none becomes `application/octet-stream`."""
    match = _MEDIA_TYPE.fullmatch(content_type or "")
    kind = match[1].lower() if match else "application/octet-stream"
    charset = match[2] if match else None
    if charset is None and kind.startswith("text/"):
        charset = "utf-8"  # what the SDK writes; without it a browser guesses
    placement = "inline" if kind in _SHOWN else "attachment"
    return {
        "Content-Type": f"{kind}; charset={charset}" if charset else kind,
        "Content-Disposition": f"{placement}; filename*=UTF-8''{quote(file_name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",  # the web pages may live on another origin
        "Cache-Control": "private, max-age=3600",  # the bytes never change, and the URL lives an hour
    }

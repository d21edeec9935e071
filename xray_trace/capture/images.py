"""PIL images as PNG; PIL is used only where the program has imported it."""

import io
import sys
from functools import partial
from typing import Any

from xray_trace.capture.foreign_value import Encoded, ForeignValue, Masking
from xray_trace.capture.instance import own_attributes
from xray_trace.capture.type_name import qualified_name

__all__ = ["recognise"]

_CONTENT_TYPE = "image/png"
_CALLER_LIMIT_BYTES = 250_000  # at the fastest level a PNG takes about 20 ms a megabyte
_FASTEST = 1  # of zlib's levels; a debugging artifact is not worth more time
_AS_THEY_ARE = frozenset({"1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA"})
_AS_RGB = frozenset({"CMYK", "YCbCr", "HSV", "RGBX"})


def recognise(value: Any) -> ForeignValue | None:
    """Return what is known of an image, else None."""
    library = sys.modules.get("PIL.Image")
    if library is None or not issubclass(type(value), getattr(library, "Image", ())):
        return None
    attributes = own_attributes(value)
    width, height = attributes.get("_size", (0, 0))
    mode = str(attributes.get("_mode", ""))
    details = {"shape": [height, width], "mode": mode}
    return ForeignValue(
        content_type=_CONTENT_TYPE,
        size_bytes=width * height * len(mode),
        caller_limit_bytes=_CALLER_LIMIT_BYTES,
        length=None,
        details=details,
        outline={"type": qualified_name(type(value)), **details},
        encode=partial(_encode, value, mode, unread=bool(attributes.get("tile"))),
    )


def _encode(image: Any, mode: str, masking: Masking, *, unread: bool) -> Encoded | None:
    """Return None for an image that is not read from its file yet, because reading would move the user's file."""
    if unread or mode not in _AS_THEY_ARE | _AS_RGB:
        return None
    base = sys.modules["PIL.Image"].Image
    buffer = io.BytesIO()
    picture = base.convert(image, "RGB") if mode in _AS_RGB else image
    base.save(picture, buffer, format="PNG", compress_level=_FASTEST)
    return Encoded(_CONTENT_TYPE, buffer.getvalue())

"""Place: where the server lets a blob go, whole or in parts."""

import msgspec

__all__ = ["Part", "PartedUpload", "Place", "read_place"]


class Part(msgspec.Struct, rename="camel", frozen=True):
    """A part of an upload: the ETag says that it is there already, the URL where it is to go."""

    part_number: int
    presigned_url: str = ""
    etag: str = ""


class PartedUpload(msgspec.Struct, rename="camel", frozen=True):
    """An upload in parts, each of the same size but the last."""

    upload_id: str
    part_size_bytes: int
    parts: list[Part]

    def fits(self, size_bytes: int) -> bool:
        """Tell whether the parts are, in order, all that a blob of this size consists of."""
        if not self.upload_id or self.part_size_bytes < 1:
            return False
        count = max(1, -(-size_bytes // self.part_size_bytes))
        return [part.part_number for part in self.parts] == list(range(1, count + 1)) and all(
            part.etag or part.presigned_url for part in self.parts
        )


class Place(msgspec.Struct, rename="camel", frozen=True):
    """A URL for the whole blob, or an upload in parts."""

    presigned_url: str = ""
    upload: PartedUpload | None = None


_decoder = msgspec.json.Decoder(Place)


def read_place(answer: bytes, size_bytes: int) -> Place | None:
    """Return the place that the answer names for a blob of this size; None where it names none."""
    try:
        place = _decoder.decode(answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return None if place.upload is not None and not place.upload.fits(size_bytes) else place

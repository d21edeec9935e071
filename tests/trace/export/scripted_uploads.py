"""Uploads in parts, as the wire contract has them; kept in memory."""

import hashlib
import itertools
import json
from dataclasses import dataclass, field

PART_BYTES = 5 * 1024 * 1024


@dataclass
class Upload:
    announced: dict
    part_bytes: int
    parts: dict[int, bytes] = field(default_factory=dict)
    is_complete: bool = False

    @property
    def count(self) -> int:
        return -(-self.announced["sizeBytes"] // self.part_bytes)


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


class ScriptedUploads:
    def __init__(self, url: str) -> None:
        self.url = url
        self.part_bytes = PART_BYTES
        self.open: dict[str, Upload] = {}
        self.whole: dict[str, bytes] = {}
        self._ids = itertools.count(1)

    def place(self, item: dict) -> dict:
        """Answer an announcement; an `error` with its status where there is none."""
        upload_id = item.get("uploadId")
        if upload_id is None and item["sizeBytes"] <= PART_BYTES:
            return {"presignedUrl": f"{self.url}/blobs/{item['dataId']}", "dataPath": item["dataId"]}
        if upload_id is None:
            upload_id = f"upload-{next(self._ids)}"
            self.open[upload_id] = Upload(item, self.part_bytes)
        if upload_id not in self.open or self.open[upload_id].is_complete:
            return {"error": "there is no such upload", "status": 404}
        upload = self.open[upload_id]
        parts = [self._part(upload_id, upload, number) for number in range(1, upload.count + 1)]
        return {"upload": {"uploadId": upload_id, "partSizeBytes": upload.part_bytes, "parts": parts}}

    def put(self, upload_id: str, number: int, body: bytes) -> tuple[int, str]:
        upload = self.open.get(upload_id)
        if upload is None:
            return 404, ""
        upload.parts[number] = body
        return 200, etag(body)

    def complete(self, wanted: dict) -> dict:
        upload = self.open.get(wanted["uploadId"])
        if upload is None:
            return {"error": "there is no such upload", "status": 404}
        stated = [(part["partNumber"], part["etag"]) for part in wanted["parts"]]
        if stated != [(number, etag(upload.parts.get(number, b""))) for number in range(1, upload.count + 1)]:
            return {"error": "a part is missing or another", "status": 400}
        whole = b"".join(upload.parts[number] for number in range(1, upload.count + 1))
        if hashlib.sha256(whole).hexdigest() != upload.announced["sha256"]:
            del self.open[wanted["uploadId"]]
            return {"error": "the bytes are not those that were announced; upload it again", "status": 400}
        upload.is_complete = True
        self.whole[wanted["dataId"]] = whole
        return {"success": True}

    def _part(self, upload_id: str, upload: Upload, number: int) -> dict:
        if number in upload.parts:
            return {"partNumber": number, "etag": etag(upload.parts[number])}
        return {"partNumber": number, "presignedUrl": f"{self.url}/parts/{upload_id}/{number}"}


def answered(content: dict) -> tuple[int, bytes]:
    """Return the status and the body that say this."""
    return content.pop("status", 200), json.dumps(content).encode()

"""The calls about values that are uploaded: announced one by one, many at once, and in parts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.access.world import API, Link, World

__all__ = ["Uploading"]

LARGE_BYTES = 5 * 1024 * 1024 + 1  # the smallest that comes in parts
MOST_UPLOADS = 40  # 200 MB of half-finished ones lie on the disk at most


@dataclass
class Upload:
    """An upload in parts, and what was sent of it."""

    project_id: str
    trace_id: str
    data_id: str
    upload_id: str
    parts: dict[int, str]
    """The path of each part's URL."""

    etags: dict[int, str] = field(default_factory=dict)


class Uploading:
    """The part of the player that brings values."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.wire = world.wire
        self.chance = world.chance
        self.who_may = world.who_may
        self._uploads: list[Upload] = []

    def plays(self) -> list[tuple[Callable[[], None], int]]:
        return [
            (self.presign, 7),
            (self.presign_many, 4),
            (self.begin_upload, 2),
            (self.resume_upload, 2),
            (self.send_part, 2),
            (self.send_part_elsewhere, 2),
            (self.complete_upload, 3),
        ]

    def presign(self) -> None:
        key, project_id = self._key()
        wanted = self._wanted(project_id)
        answer = self.wire.call("POST", f"{API}/presign", key=key, json=wanted)
        if self.world.hold("presign", answer, self.who_may.by_key(key), {200, 400}, set()):
            self._keep(project_id, wanted, answer.json(), answer.said)

    def presign_many(self) -> None:
        key, project_id = self._key()
        items = [self._wanted(project_id) for _ in range(self.chance.randint(1, 3))]
        answer = self.wire.call("POST", f"{API}/presign/batch", key=key, json={"items": items})
        if self.world.hold("presign batch", answer, self.who_may.by_key(key), {200}, set()):
            for wanted, made in zip(items, answer.json()["items"], strict=True):
                self._keep(project_id, wanted, made, answer.said)

    def begin_upload(self) -> None:
        if len(self._uploads) >= MOST_UPLOADS:
            self._uploads.pop(0)
        key, project_id = self._key()
        wanted = self._wanted(project_id) | {"sizeBytes": LARGE_BYTES}
        answer = self.wire.call("POST", f"{API}/presign", key=key, json=wanted)
        if self.world.hold("begin upload", answer, self.who_may.by_key(key), {200}, set()):
            made = answer.json()
            assert made["dataPath"] == f"{project_id}/{wanted['dataId']}", answer.said
            self.world.lengths[project_id, str(wanted["dataId"])].add(LARGE_BYTES)
            parts = {
                part["partNumber"]: _path(part["presignedUrl"]) for part in made["upload"]["parts"] if _is_due(part)
            }
            if parts:  # the value of a trace that was deleted has none to send
                ids = (project_id, str(wanted["traceId"]), str(wanted["dataId"]))
                self._uploads.append(Upload(*ids, made["upload"]["uploadId"], parts))

    def resume_upload(self) -> None:
        if not self._uploads:
            return
        upload = self.chance.choice(self._uploads)
        key, project_id = self._key()
        wanted = {"dataId": upload.data_id, "traceId": upload.trace_id, "key": "k", "uploadId": upload.upload_id}
        answer = self.wire.call("POST", f"{API}/presign", key=key, json=wanted)
        is_own = project_id == upload.project_id
        fine = {200, 404} if is_own or (project_id, upload.trace_id) in self.who_may.deleted_traces else {404}
        if self.world.hold("resume upload", answer, self.who_may.by_key(key), fine, set()) and not is_own:
            assert answer.json()["upload"]["uploadId"] == "deleted", answer.said

    def send_part(self) -> None:
        if not self._uploads:
            return
        upload = self.chance.choice(self._uploads)
        number, path = self.chance.choice(list(upload.parts.items()))
        content = f"value of {self.world.mark[upload.project_id]}".encode().ljust(LARGE_BYTES)
        answer = self.wire.call("PUT", path, body=content)
        fine = {200, 404, 409} if upload.project_id in self.who_may.steps else {404, 409}
        if self.world.hold("PUT of part", answer, self.who_may.by_url(True), fine, set()):
            upload.etags[number] = answer.headers["ETag"]

    def send_part_elsewhere(self) -> None:
        if not self._uploads:
            return
        upload = self.chance.choice(self._uploads)
        path = self.chance.choice(list(upload.parts.values()))
        altered = self.chance.choice(
            [
                path.replace(upload.project_id, self.world.other_project(upload.project_id)),
                path.replace(f"/{upload.data_id}/", "/another/"),
                path.replace("/parts/1", "/parts/2"),
                path.replace(upload.upload_id, self.chance.choice(self._uploads).upload_id),
                path.partition("?")[0],
            ]
        )
        if altered != path:
            answer = self.wire.call("PUT", altered, body=b"altered")
            self.world.hold("altered URL of part", answer, self.who_may.by_url(False), set(), set())

    def complete_upload(self) -> None:
        if not self._uploads:
            return
        upload = self.chance.choice(self._uploads)
        key, project_id = self._key()
        parts = [{"partNumber": number, "etag": etag} for number, etag in upload.etags.items()]
        body = {"dataId": upload.data_id, "uploadId": upload.upload_id, "parts": parts or [NOT_SENT]}
        answer = self.wire.call("POST", f"{API}/presign/complete", key=key, json=body)
        is_other = self.world.other_lengths(upload.project_id, upload.data_id, LARGE_BYTES)
        own = ({200, 404} | ({400} if is_other else set())) if parts else {400, 404}
        fine = own if project_id == upload.project_id else {404}
        if self.world.hold("complete upload", answer, self.who_may.by_key(key), fine, set()):
            self._uploads.remove(upload)

    def _key(self) -> tuple[str, str]:
        key = self.world.any_key()
        return key, self.who_may.project_of.get(key, "")

    def _wanted(self, project_id: str) -> dict[str, object]:
        data_id = self.world.any_data_id()
        mark = self.world.mark.get(project_id, "nothing")
        wanted: dict[str, object] = {"dataId": data_id, "traceId": self.world.any_trace_id(), "key": mark}
        if self.chance.random() < 0.4:
            other = self.world.other_project(project_id)
            wanted |= {"projectId": other, "dataPath": f"{other}/{data_id}"}
        return wanted

    def _keep(self, project_id: str, wanted: dict[str, object], made: dict[str, Any], said: str) -> None:
        assert made["dataPath"] == f"{project_id}/{wanted['dataId']}", said
        self.world.keep_link(Link(project_id, "PUT", _path(made["presignedUrl"])))


NOT_SENT = {"partNumber": 1, "etag": '"never"'}


def _is_due(part: dict[str, Any]) -> bool:
    return "presignedUrl" in part


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"

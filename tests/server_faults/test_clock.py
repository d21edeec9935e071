"""A clock that jumps an hour, forward and back: nothing is lost, and what lives by the clock is right again with it."""

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path

import jwt
import pytest
import requests

from tests.backend.api.events import step
from tests.backend.server import Server, assert_refused, new_person

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the clock is changed in front of the C library")

HOUR_SECONDS = 3600
SOURCE = Path(__file__).with_name("clock_offset.c")


class Clock:
    """The wall clock of a server process, which may be set while it runs."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("there is no C compiler here")
        self._offset = folder / "offset"
        self.set(0)
        library = folder / "clock_offset.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O", "-o", str(library), str(SOURCE)], check=True)
        self.variables = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(self._offset)}

    def set(self, seconds: int) -> None:
        with open(self._offset, "r+b" if self._offset.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))


def shown(server: Server) -> float:
    """Return the server's own time."""
    return parsedate_to_datetime(server.call("GET", "/health").headers["Date"]).timestamp()


def test_a_clock_that_jumps_an_hour_forward_and_back_loses_nothing(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    with Server(tmp_path / "data", **clock.variables) as server:
        person = new_person(server)
        log_in = {"email": person.email, "password": "correct horse"}
        about = {"dataId": "d", "traceId": "trace-1", "key": "k"}
        url = person.record("/presign", about).json()["presignedUrl"]
        names = []
        for hours in (0, 1, 0, -1, 0, 2, 0):
            clock.set(hours * HOUR_SECONDS)
            assert abs(shown(server) - time.time() - hours * HOUR_SECONDS) < 60
            names.append(f"at-{hours}-{len(names)}")
            assert person.ingest(step(names[-1])).status_code == 200
            assert {found["stepId"] for found in person.steps({})} == set(names)  # whatever time the token is from
            fresh = server.call("POST", "/api/v1/auth/login", json=log_in)
            assert {found["stepId"] for found in replace(person, token=fresh.json()["token"]).steps({})} == set(names)
            own = person.record("/presign", about | {"dataId": f"d-{len(names)}"}).json()["presignedUrl"]
            assert requests.put(own, data=b"x", timeout=60).status_code == 200
            if hours > 0:
                assert "expired" in assert_refused(requests.put(url, data=b"x", timeout=60), 403)
            else:
                assert requests.put(url, data=b"x", timeout=60).status_code == 200
        key = f"keys/{person.key_id}"
        assert person.call("DELETE", key).status_code == 200
        clock.set(-HOUR_SECONDS)
        assert_refused(person.ingest(step("revoked")), 401)
        assert "Traceback" not in server.output


def test_a_token_from_the_future_is_good_for_a_day_and_none_lives_a_second_longer(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    with Server(tmp_path / "data", **clock.variables) as server:
        person = new_person(server)
        ends_at = jwt.decode(person.token, options={"verify_signature": False})["exp"]

        def me_at(offset_seconds: float) -> requests.Response:
            clock.set(int(offset_seconds))
            return person.call("GET", "/api/v1/auth/me")

        for hours in (-1, -23, 24 * 7 - 1):
            assert me_at(hours * HOUR_SECONDS).status_code == 200
        assert "log in again" in assert_refused(me_at(-25 * HOUR_SECONDS), 401)
        assert "expired" in assert_refused(me_at(ends_at - time.time() + 2), 401)
        assert "expired" in assert_refused(me_at(8 * 24 * HOUR_SECONDS), 401)


def test_an_upload_in_parts_goes_on_over_a_clock_that_jumped(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    content = b"x" * 10_000_000
    about = {"dataId": "large", "traceId": "t", "key": "k", "sizeBytes": len(content)}
    done = []
    with Server(tmp_path / "data", **clock.variables) as server:
        person = new_person(server)
        upload = person.record("/presign", about).json()["upload"]
        for hours in (1, 0):
            clock.set(hours * HOUR_SECONDS)
            parts = person.record("/presign", about | {"uploadId": upload["uploadId"]}).json()["upload"]["parts"]
            part = parts[len(done)]
            begin = len(done) * upload["partSizeBytes"]
            piece = content[begin : begin + upload["partSizeBytes"]]
            answered = requests.put(part["presignedUrl"], data=piece, timeout=60)
            assert answered.status_code == 200
            done.append({"partNumber": part["partNumber"], "etag": answered.headers["ETag"]})
        finished = {"dataId": "large", "uploadId": upload["uploadId"], "parts": done}
        assert person.record("/presign/complete", finished).status_code == 200

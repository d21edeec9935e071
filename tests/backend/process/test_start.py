"""How the server starts, what it says, and why it refuses."""

import os
import signal
import socket
import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from tests.backend.api.events import step
from tests.backend.background import wait_until
from tests.backend.server import Server, assert_refused, new_person, refused_start
from tests.server_faults.processes import is_alive, tree
from tests.servers.backend import run_backend
from tests.servers.secantus import Secantus

SECRET = "a-secret-of-its-own-0123456789abcdef"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_credentials_that_work_and_shows_them_once(tmp_path: Path) -> None:
    data_dir = tmp_path / "home" / "data"
    with Server(data_dir) as server:
        given = server.credentials
        assert set(given) == {"baseUrl", "projectId", "apiKey", "email", "password"}
        assert given["baseUrl"] == server.base_url
        for name in ("projectId", "apiKey", "email", "password"):
            assert given[name] in server.output
        assert server.call("POST", "/api/v1/ingest", key=given["apiKey"], json={"events": [step()]}).status_code == 200
        account = {"email": given["email"], "password": given["password"]}
        token = server.call("POST", "/api/v1/auth/login", json=account).json()["token"]
        projects = server.call("GET", "/api/v1/projects", token=token).json()["projects"]
        assert [project["projectId"] for project in projects] == [given["projectId"]]
        assert mode(data_dir) == 0o700
        assert mode(data_dir / "credentials.json") == 0o600
        assert mode(data_dir / "jwt-secret") == 0o600
        assert server.stop() == 0
    with Server(data_dir) as server:
        assert server.credentials == given | {"baseUrl": server.base_url}
        assert given["apiKey"] not in server.output
        assert given["password"] not in server.output
        assert server.call("GET", "/api/v1/auth/me", token=token).status_code == 200


def test_nobody_else_reads_the_database_in_a_folder_that_others_may_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Server(tmp_path) as server:
        assert new_person(server).ingest(step()).status_code == 200
        assert {mode(tmp_path / name) for name in ("xray.db", "xray.db-wal", "xray.db-shm")} == {0o600}


def test_credentials_that_were_removed_are_made_anew_beside_the_old_account(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        before = server.credentials
    (tmp_path / "credentials.json").unlink()
    with Server(tmp_path) as server:
        after = server.credentials
        assert after["apiKey"] != before["apiKey"]
        for given in (before, after):
            answered = server.call("POST", "/api/v1/ingest", key=given["apiKey"], json={"events": [step()]})
            assert answered.status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="the worker's process is found through /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0_and_nothing_left_running(tmp_path: Path, number: int) -> None:
    with Server(tmp_path) as server:
        wait_until(lambda: len(tree(server.pid)) == 3)  # a parent, a worker, and what keeps the index
        family = tree(server.pid)
        assert server.stop(number) == 0
        assert not any(map(is_alive, family))
        assert "Traceback" not in server.output


def test_a_port_in_use_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, output = refused_start(["up", "--port", str(port), "--data-dir", str(tmp_path)])
    assert status == 2
    assert output == f"xray-backend: The server cannot listen on 127.0.0.1 port {port}: Address already in use.\n"


def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        status, output = refused_start(["up", "--port", "0", "--data-dir", str(tmp_path)])
        assert status == 2
        assert output.count("\n") == 1
        assert "--data-dir" in output
        assert server.call("GET", "/health").status_code == 200


JWT = "XRAY_JWT_SECRET"
CLOSED, PROXIES, BASE = "XRAY_REGISTRATION_OPEN", "XRAY_TRUSTED_PROXIES", "XRAY_PUBLIC_BASE_URL"
STORE, BUS, KAFKAS, KAFKA = "XRAY_STORE_URL", "XRAY_BUS_URL", "XRAY_KAFKA_OPTIONS", "kafka://127.0.0.1:1/events"
REFUSED: dict[str, tuple[list[str], dict[str, str], str]] = {
    "a file for a directory": (["up", "--data-dir", "{file}"], {}, "cannot be used"),
    "a directory inside a file": (["up", "--data-dir", "{file}/data"], {}, "cannot be used"),
    "a host others reach": (["up", "--host", "0.0.0.0", "--data-dir", "{new}"], {}, "XRAY_JWT_SECRET"),
    "serve without a secret": (["serve", "--data-dir", "{new}"], {}, "XRAY_JWT_SECRET"),
    "a short secret": (["up", "--data-dir", "{new}"], {JWT: "hunter2"}, "at least 32"),
    "no such host": (["up", "--host", "no.such.invalid", "--data-dir", "{new}"], {JWT: SECRET}, "no.such"),
    "no port": (["up", "--port", "http", "--data-dir", "{new}"], {}, "--port"),
    "a port too high": (["up", "--port", "65536", "--data-dir", "{new}"], {}, "65535"),
    "another store": (["up", "--data-dir", "{new}"], {"XRAY_STORE_URL": "oracle://x/y"}, "XRAY_STORE_URL"),
    "another bus": (["up", "--data-dir", "{new}"], {"XRAY_BUS_URL": "redis://x"}, "XRAY_BUS_URL"),
    "another blob store": (["up", "--data-dir", "{new}"], {"XRAY_BLOBS_URL": "gs://x"}, "XRAY_BLOBS_URL"),
    "a database that is none": (["up", "--data-dir", "{new}"], {STORE: "mongodb://u:hunter2@:x/y"}, "mongodb://"),
    "writes nobody acknowledges": (["up", "--data-dir", "{new}"], {STORE: "mongodb://h/x?w=0"}, "w=0"),
    "a queue that is none": (["up", "--data-dir", "{new}"], {BUS: "kafka://"}, BUS),
    "a promise taken away": (["up", "--data-dir", "{new}"], {BUS: KAFKA, KAFKAS: '{"acks": "0"}'}, "acks"),
    "a property that is none": (["up", "--data-dir", "{new}"], {BUS: KAFKA, KAFKAS: '{"sasl.x": "hunter2"}'}, KAFKAS),
    "a rate that is none": (["up", "--data-dir", "{new}"], {"XRAY_LOGIN_RATE_PER_ADDRESS": "often"}, "10/minute"),
    "a flag that is none": (["up", "--data-dir", "{new}"], {CLOSED: "maybe"}, CLOSED),
    "an origin that is none": (["up", "--data-dir", "{new}"], {"XRAY_CORS_ORIGINS": "ui"}, "XRAY_CORS_ORIGINS"),
    "a network that is none": (["up", "--data-dir", "{new}"], {PROXIES: "lan"}, PROXIES),
    "a base URL that is none": (["up", "--data-dir", "{new}"], {BASE: "here"}, BASE),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_cannot_be_are_one_sentence_and_write_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("no directory")
    arguments, variables, told = REFUSED[name]
    places = {"file": tmp_path / "file", "new": tmp_path / "new"}
    filled = [argument.format(**places) for argument in arguments]
    if "--port" not in filled:
        filled += ["--port", "0"]
    status, output = refused_start(filled, **variables)
    assert status == 2
    assert told in output
    assert output.startswith("xray-backend: ")
    assert output.count("\n") == 1
    assert "hunter2" not in output
    assert not (tmp_path / "new").exists()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with Server(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "xray.db") as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    status, output = refused_start(["up", "--port", "0", "--data-dir", str(tmp_path)])
    assert status == 2
    assert "newer" in output
    assert output.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the worker's process is found through /proc")
def test_a_worker_that_cannot_start_anew_ends_the_server_with_a_sentence(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        with sqlite3.connect(tmp_path / "xray.db") as database:
            database.execute("PRAGMA user_version = 9999")
        database.close()
        os.kill(server.worker(), signal.SIGKILL)
        assert server.wait() != 0
        (sentence,) = [line for line in server.output.splitlines() if line.startswith("xray-backend: ")]
        assert "newer" in sentence
        assert "Traceback" not in server.output


def test_a_server_whose_parts_are_away_starts_says_which_and_works_once_they_are_there(tmp_path: Path) -> None:
    mongodb = Secantus(tmp_path / "mongodb")
    mongodb.folder.mkdir()
    variables = {
        "XRAY_JWT_SECRET": SECRET,
        "XRAY_STORE_URL": mongodb.url.replace("/?", "/xray?serverSelectionTimeoutMS=500&"),
    }
    with Server(tmp_path / "data", command="serve", **variables) as server:
        assert server.call("GET", "/health").status_code == 200
        assert "the database" in assert_refused(server.call("GET", "/ready"), 503)
        wait_until(lambda: "The database cannot be reached" in server.output)
        with mongodb:
            run_backend(["init"], {**os.environ, **variables, "XRAY_DATA_DIR": str(tmp_path / "data")})
            wait_until(lambda: server.call("GET", "/ready").status_code == 200)
            person = new_person(server)
            assert person.ingest(step()).status_code == 200
            assert [found["stepId"] for found in person.steps({})] == ["step-1"]
        assert server.stop() == 0
        assert "Traceback" not in server.output


def test_what_is_no_database_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "xray.db").write_bytes(b"this is no database, but long enough to be looked at" * 100)
    status, output = refused_start(["up", "--port", "0", "--data-dir", str(tmp_path)])
    assert status in (1, 2)
    assert output.count("\n") == 1
    assert "Traceback" not in output


def test_a_damaged_secret_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "jwt-secret").write_text("short")
    status, output = refused_start(["up", "--port", "0", "--data-dir", str(tmp_path)])
    assert status == 2
    assert "jwt-secret" in output
    assert "short" not in output.replace("jwt-secret", "")


def test_serve_takes_its_settings_from_the_environment_and_makes_no_account(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    with Server(
        tmp_path / "data",
        command="serve",
        XRAY_JWT_SECRET=SECRET,
        XRAY_HOST="0.0.0.0",
        XRAY_STORE_URL=f"sqlite:///{elsewhere}",
        XRAY_BLOBS_URL=f"file:///{tmp_path / 'values'}",
        XRAY_PUBLIC_BASE_URL="https://xray.example.org/",
        XRAY_REGISTRATION_OPEN="0",
        XRAY_REGISTER_RATE_PER_ADDRESS="1/hour",
    ) as server:
        assert server.base_url == "https://xray.example.org"
        assert not (tmp_path / "data" / "credentials.json").exists()
        assert not (tmp_path / "data" / "jwt-secret").exists()
        assert elsewhere.exists()


def test_registration_can_be_closed_and_is_limited_by_address(tmp_path: Path) -> None:
    account = {"password": "12345678", "name": "Name"}
    register = "/api/v1/auth/register"
    with Server(tmp_path / "closed", XRAY_REGISTRATION_OPEN="0") as server:
        refused = server.call("POST", register, json=account | {"email": "a@example.org"})
        assert "Registration is closed" in assert_refused(refused, 403)
        local = {name: server.credentials[name] for name in ("email", "password")}
        assert server.call("POST", "/api/v1/auth/login", json=local).status_code == 200
    proxied = {"XRAY_REGISTER_RATE_PER_ADDRESS": "2/hour", "XRAY_TRUSTED_PROXIES": "127.0.0.0/8"}
    with Server(tmp_path / "limited", XRAY_LOGIN_RATE_PER_ADDRESS="3/minute", **proxied) as server:
        statuses = [
            server.call("POST", register, json=account | {"email": f"a{index}@example.org"}, headers=header).status_code
            for index, header in enumerate(
                [{}, {}, {}, {"X-Forwarded-For": "10.0.0.1"}, {"X-Forwarded-For": "127.0.0.1"}]
            )
        ]
        assert statuses == [200, 200, 429, 200, 429]
        wrong = [{"email": f"w{index}@example.org", "password": "12345678"} for index in range(4)]
        tried = [server.call("POST", "/api/v1/auth/login", json=body) for body in wrong]
        assert [answered.status_code for answered in tried] == [401, 401, 401, 429]
        assert_refused(tried[-1], 429)


def test_a_forwarded_address_of_nobody_trusted_is_not_believed(tmp_path: Path) -> None:
    with Server(tmp_path, XRAY_REGISTER_RATE_PER_ADDRESS="1/hour") as server:
        account = {"password": "12345678", "name": "Name"}
        statuses = [
            server.call(
                "POST",
                "/api/v1/auth/register",
                json=account | {"email": f"a{index}@example.org"},
                headers={"X-Forwarded-For": f"10.0.0.{index}"},
            ).status_code
            for index in range(2)
        ]
        assert statuses == [200, 429]


def test_a_server_on_the_other_loopback_says_so_in_its_address(tmp_path: Path) -> None:
    if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("this machine has no IPv6")
    with Server(tmp_path, XRAY_HOST="::1") as server:
        assert server.base_url.startswith("http://[::1]:")
        assert new_person(server).ingest(step()).status_code == 200

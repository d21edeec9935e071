"""`xray-trace`, run as a command."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from examples.local_server import Credentials, LocalServer
from examples.reader import Reader

KEY = "xray_sk_0123456789abcdefghijklmnopqrstuv"

RECORD_AND_DIE = """
import os, sys
import xray_trace as xray

@xray.step
def work(number):
    return number + 1

for number in range(int(sys.argv[1])):
    work(number)
os._exit(0)  # no time to send anything
"""


@dataclass
class Command:
    """Runs the command with an environment of its own."""

    folder: Path
    environ: dict[str, str]

    @property
    def spool(self) -> Path:
        return Path(self.environ["XRAY_SPOOL_DIR"])

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = str(Path(sys.executable).with_name("xray-trace"))
        return subprocess.run(
            [program, *arguments], env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=120
        )

    def record(self, count: int) -> None:
        command = [sys.executable, "-c", RECORD_AND_DIE, str(count)]
        subprocess.run(command, env=self.environ, cwd=self.folder, check=True, timeout=120)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("HOME", str(tmp_path))  # the server that a test starts shall keep off the developer's too
    environ = {name: value for name, value in os.environ.items() if not name.startswith("XRAY_")}
    return Command(tmp_path, {**environ, "XRAY_SPOOL_DIR": str(tmp_path / "spool")})


@pytest.fixture
def server(command: Command, tmp_path: Path) -> Iterator[Credentials]:
    with LocalServer(tmp_path / "data") as credentials:
        command.environ |= {"XRAY_BASE_URL": credentials.base_url, "XRAY_API_KEY": credentials.api_key}
        yield credentials


@dataclass
class Answering:
    """A server that gives the same answer to everything, and notes what it was asked."""

    url: str
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


Answer = Callable[..., Answering]


@pytest.fixture
def answering() -> Iterator[Answer]:
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, body: bytes, **headers: str) -> Answering:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                notes.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        notes = Answering(f"http://127.0.0.1:{server.server_port}")
        return notes

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def bad_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.stderr == ""
    assert done.returncode == 1
    return [line[5:] for line in done.stdout.splitlines() if line.startswith("BAD")]


# -- check ----------------------------------------------------------------------------------------------


def test_check_is_content_with_a_key_that_the_server_knows(command: Command, server: Credentials) -> None:
    done = command("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "answers and takes the API key" in done.stdout
    assert [line[:5] for line in done.stdout.splitlines()] == ["ok   "] * 3
    assert server.api_key not in done.stdout


def test_check_names_a_key_that_the_server_refuses(command: Command, server: Credentials) -> None:
    command.environ["XRAY_API_KEY"] = KEY
    done = command("check")
    (line,) = bad_lines(done)
    assert line.startswith(f"The server at {server.base_url} refuses the API key (401): ")
    assert KEY not in done.stdout


def test_check_without_a_key_tells_how_to_get_one(command: Command) -> None:
    (line,) = bad_lines(command("check"))
    assert line.startswith("There is no API key: set XRAY_API_KEY, or start a server here with `xray-backend up`")


def test_check_names_a_server_that_is_not_there(command: Command, answering: Answer) -> None:
    command.environ |= {"XRAY_API_KEY": KEY, "XRAY_BASE_URL": "http://127.0.0.1:1"}
    (line,) = bad_lines(command("check"))
    assert line.startswith("The server at http://127.0.0.1:1 cannot be reached: nothing listens there.")


def test_check_names_a_host_that_nobody_knows(command: Command) -> None:
    command.environ |= {"XRAY_API_KEY": KEY, "XRAY_BASE_URL": "http://no-such-host.invalid"}
    (line,) = bad_lines(command("check"))
    assert "http://no-such-host.invalid cannot be reached" in line


@pytest.mark.parametrize(
    ("status", "body", "headers", "sentence"),
    [
        (200, b"<html>Welcome</html>", {}, "is no X-Ray server (status 200)"),
        (404, b"not here", {}, "is no X-Ray server (status 404)"),
        (302, b"", {"Location": "http://127.0.0.1:1/"}, "is no X-Ray server (status 302)"),
        (400, b"[" * 100_000, {}, "is no X-Ray server (status 400)"),
        (403, b'{"error": "Not yours"}', {}, "refuses the API key (403): Not yours. Check"),
        (429, b'{"error": "Wait a little."}', {}, "takes no events now (429): Wait a little."),
        (503, b'{"error": "The store is away"}', {}, "takes no events now (503): The store is away."),
    ],
)
def test_check_says_what_any_other_answer_means(
    command: Command, answering: Answer, status: int, body: bytes, headers: dict[str, str], sentence: str
) -> None:
    command.environ |= {"XRAY_API_KEY": KEY, "XRAY_BASE_URL": answering(status, body, **headers).url}
    (line,) = bad_lines(command("check"))
    assert sentence in line


def test_the_key_goes_to_the_named_server_alone_and_not_where_it_redirects(command: Command, answering: Answer) -> None:
    elsewhere = answering(400, b'{"error": "an X-Ray server, as it seems"}')
    named = answering(307, b"", Location=elsewhere.url)
    command.environ |= {"XRAY_API_KEY": KEY, "XRAY_BASE_URL": named.url}
    bad_lines(command("check"))
    assert [(path, headers["x-api-key"]) for path, headers in named.requests] == [("/api/v1/ingest", KEY)]
    assert elsewhere.requests == []


def test_check_names_a_spool_that_cannot_be_used(command: Command, answering: Answer) -> None:
    (command.folder / "file").write_text("in the way")
    command.environ |= {
        "XRAY_API_KEY": KEY,
        "XRAY_BASE_URL": answering(400, b'{"error": "events is empty"}').url,
        "XRAY_SPOOL_DIR": str(command.folder / "file/spool"),
    }
    (line,) = bad_lines(command("check"))
    assert line.startswith("The spool cannot be used: ")
    assert "XRAY_SPOOL_DIR" in line


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_check_tells_that_a_foreign_spool_is_left_alone(command: Command, answering: Answer) -> None:
    command.spool.mkdir()
    os.chown(command.spool, 12345, 12345)
    url = answering(400, b'{"error": "events is empty"}').url
    command.environ |= {"XRAY_API_KEY": KEY, "XRAY_BASE_URL": url}
    done = command("check")
    assert done.returncode == 0
    assert f"{command.spool} is not yours to use, so the spool is {command.spool}-0; it works." in done.stdout
    assert list(command.spool.iterdir()) == []


def test_check_leaves_nothing_behind_in_the_spool(command: Command) -> None:
    command("check")
    assert [path for path in command.spool.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("XRAY_MAX_BATCH_SIZE", "many", "the environment variable XRAY_MAX_BATCH_SIZE cannot be used"),
        ("XRAY_ENABLED", "0", "Tracing is switched off"),
        ("XRAY_SAMPLE_RATE", "0", "The sample rate is 0"),
    ],
)
def test_check_names_settings_that_keep_events_away(
    command: Command, answering: Answer, variable: str, value: str, sentence: str
) -> None:
    url = answering(400, b'{"error": "events is empty"}').url
    command.environ |= {"XRAY_API_KEY": KEY, "XRAY_BASE_URL": url, variable: value}
    (line,) = bad_lines(command("check"))
    assert line.startswith(sentence)


# -- spool ----------------------------------------------------------------------------------------------


def test_an_empty_spool_is_said_to_be_empty(command: Command) -> None:
    done = command("spool", "list")
    assert done.returncode == 0
    assert done.stdout.startswith("Nothing waits")
    assert not command.spool.exists()
    assert command("spool", "purge").returncode == 0


def test_what_a_dead_program_left_is_listed_sent_and_gone(command: Command, server: Credentials) -> None:
    command.record(3)
    listed = command("spool", "list")
    assert listed.returncode == 0, listed.stderr
    assert re.search(r"\d+ (bytes|kB) wait", listed.stdout)
    assert KEY not in listed.stdout

    flushed = command("spool", "flush")

    assert flushed.returncode == 0, flushed.stderr + flushed.stdout
    assert re.match(r"[1-9]\d* delivered, 0 still waiting, 0 lost\.", flushed.stdout)
    assert command("spool", "list").stdout.startswith("Nothing waits")
    reader = Reader(server.base_url, server.project_id, server.email, server.password)
    found = reader.steps_where({"stepName": "work"})
    assert sorted(step["output"]["value"] for step in found) == [1, 2, 3]


@pytest.mark.parametrize("seconds", ["inf", "1e300"])
def test_flush_may_take_for_ever(command: Command, server: Credentials, seconds: str) -> None:
    command.record(3)
    flushed = command("spool", "flush", "--timeout-seconds", seconds)
    assert flushed.returncode == 0, flushed.stderr + flushed.stdout
    assert re.match(r"[1-9]\d* delivered, 0 still waiting, 0 lost\.", flushed.stdout)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_flush_that_has_no_time_says_what_still_waits(command: Command, server: Credentials, seconds: str) -> None:
    command.record(3)
    flushed = command("spool", "flush", "--timeout-seconds", seconds)
    waits = not command("spool", "list").stdout.startswith("Nothing waits")
    assert flushed.returncode == int(waits), flushed.stderr + flushed.stdout
    assert re.match(r"\d+ delivered, [1-9]\d* still waiting" if waits else r"[1-9]\d* delivered, 0 ", flushed.stdout)


def test_flush_counts_as_waiting_what_it_could_not_take_over(command: Command, server: Credentials) -> None:
    command.record(3)
    (lock,) = command.spool.glob("events/*.lock")
    lock.with_name(f"{lock.stem}-00000009.0.events.json.tmp").mkdir()  # in the way, and not to be removed as a file
    flushed = command("spool", "flush", "--timeout-seconds", "2")
    assert flushed.returncode == 1, flushed.stdout
    assert re.match(r"0 delivered, [1-9]\d* still waiting, 0 lost\.", flushed.stdout)


def test_flush_without_a_server_keeps_everything_and_says_so(command: Command) -> None:
    command.environ |= {"XRAY_API_KEY": KEY, "XRAY_BASE_URL": "http://127.0.0.1:1"}
    command.record(2)
    flushed = command("spool", "flush", "--timeout-seconds", "1")
    assert flushed.returncode == 1
    assert re.match(r"0 delivered, [1-9]\d* still waiting, 0 lost\.", flushed.stdout)
    assert not command("spool", "list").stdout.startswith("Nothing waits")


def test_flush_without_a_key_says_that_it_has_none(command: Command) -> None:
    flushed = command("spool", "flush")
    assert flushed.returncode == 1
    assert flushed.stderr.startswith("xray-trace: there is no API key")


def test_purge_deletes_only_after_a_yes(command: Command) -> None:
    command.environ |= {"XRAY_API_KEY": KEY, "XRAY_BASE_URL": "http://127.0.0.1:1"}
    command.record(2)

    asked = command("spool", "purge")
    assert asked.returncode == 1
    assert "--yes" in asked.stdout
    assert not command("spool", "list").stdout.startswith("Nothing waits")

    done = command("spool", "purge", "--yes")
    assert done.returncode == 0
    assert command("spool", "list").stdout.startswith("Nothing waits")
    assert command("spool", "purge").stdout.startswith("Nothing waits")


def test_purge_leaves_what_a_living_program_owns(command: Command) -> None:
    command.environ |= {"XRAY_API_KEY": KEY, "XRAY_BASE_URL": "http://127.0.0.1:1"}
    living_program = RECORD_AND_DIE.replace("os._exit(0)", "print('recorded', flush=True); input()")
    living = subprocess.Popen(
        [sys.executable, "-c", living_program, "1"],
        env=command.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert living.stdout is not None
        assert living.stdout.readline() == "recorded\n"
        assert command("spool", "purge", "--yes").returncode == 0
        assert not command("spool", "list").stdout.startswith("Nothing waits")
    finally:
        living.communicate("\n", timeout=60)


# -- the command itself ---------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("spool",), ("spool", "burn"), ("check", "--please")])
def test_a_wrong_command_line_is_status_2_with_the_usage(command: Command, arguments: tuple[str, ...]) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: xray-trace")


def test_the_check_of_local_credentials_needs_no_environment(command: Command, server: Credentials) -> None:
    for name in ("XRAY_BASE_URL", "XRAY_API_KEY"):
        del command.environ[name]
    kept = command.folder / ".xray-trace"
    kept.mkdir()
    shutil.copy(command.folder / "data/credentials.json", kept)
    assert json.loads((kept / "credentials.json").read_text())["apiKey"] == server.api_key
    assert command("check").returncode == 0

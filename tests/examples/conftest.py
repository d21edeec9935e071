"""A home of one's own for each test: no key, spool or server of the developer's is used or seen."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from examples.local_server import Credentials, LocalServer
from examples.reader import Reader

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Home:
    """A home directory, a directory for temporary files, and what a program sees of them."""

    folder: Path
    temporary: Path
    environ: dict[str, str]

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the project's folder and return what it printed."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**self.environ, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder, temporary = tmp_path / "home", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XRAY_")}
    environ = {**kept, "HOME": str(folder), "TMPDIR": str(temporary), "NO_COLOR": "1", "COLUMNS": "140"}
    return Home(folder, temporary, environ)


@pytest.fixture
def server(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Credentials]:
    """A server whose credentials lie where the SDK looks for them, as after `make up`."""
    monkeypatch.setenv("HOME", str(home.folder))
    with LocalServer(home.folder / ".xray-trace") as credentials:
        yield credentials


@pytest.fixture
def reader(server: Credentials) -> Reader:
    return Reader(server.base_url, server.project_id, server.email, server.password)


@pytest.fixture
def processes_naming() -> Callable[[Path], list[str]]:
    """Return a function that lists the living processes whose command line names a folder."""

    def find(folder: Path) -> list[str]:
        listed = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
        return [line for line in listed.stdout.splitlines() if str(folder) in line]

    return find

"""The demo's server: starts, says why it does not, and goes away."""

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.local_server import LocalServer, ServerFailed
from tests.examples.conftest import Home

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def own_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home.folder))


def is_healthy(base_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base_url}/health", timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


def test_a_server_answers_inside_its_block_and_not_after_it(
    tmp_path: Path, processes_naming: Callable[[Path], list[str]]
) -> None:
    with LocalServer(tmp_path / "data") as credentials:
        assert is_healthy(credentials.base_url)
    assert not is_healthy(credentials.base_url)
    assert processes_naming(tmp_path / "data") == []


def test_settings_of_another_server_are_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRAY_STORE_URL", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    with LocalServer(tmp_path / "data") as credentials:
        assert is_healthy(credentials.base_url)
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_server_that_cannot_start_is_an_error_with_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no directory")
    with pytest.raises(ServerFailed, match=r"ended while it was starting; it said: .+"), LocalServer(tmp_path / "data"):
        pytest.fail("it started")


def test_credentials_show_no_secret(tmp_path: Path) -> None:
    with LocalServer(tmp_path / "data") as credentials:
        assert credentials.api_key not in repr(credentials)
        assert credentials.password not in repr(credentials)


def test_a_missing_program_is_an_error_that_names_the_command_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(ServerFailed, match="make demo"), LocalServer(tmp_path / "data"):
        pytest.fail("it started")

"""Settings: argument over environment over credentials file over default; nothing that is given may raise."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from xray_trace import config
from xray_trace.config import Config, load_config
from xray_trace.errors import ConfigError
from xray_trace.testing import MemoryTracer
from xray_trace.tracer import Tracer

GIVEN = {"baseUrl": "http://127.0.0.1:7", "projectId": "local", "apiKey": "xray_sk_local"}


class Hostile:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("hunter2")

    def __fspath__(self) -> str:
        raise RuntimeError("hunter2")


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(GIVEN))
    path.chmod(0o600)
    monkeypatch.setattr(config, "CREDENTIALS_PATH", path)
    return path


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("spool_dir", "~no-such-user-here/x"), ("spool_dir", "a\0b"), ("spool_dir", 5),
        ("base_url", "http://host:99999"), ("base_url", "http://host:port"), ("base_url", "http://[::1"),
        ("base_url", "http://u:hunter2@host"), ("base_url", "http://u:hunter2\u2100@host"), ("base_url", "http://\ud800"),
        ("base_url", "http://a b"), ("base_url", "ftp://host"), ("api_key", "hunter2 and more"), ("api_key", 5),
        ("project_id", "../up"), ("project_id", "p" * 200), ("sample_rate", "hunter2"), ("sample_rate", float("nan")),
        ("sample_rate", 10**400), ("max_batch_size", 1.5), ("enabled", "perhaps"), ("enabled", 2), ("redact", 5),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_one_warning_and_the_default(option: str, value: object) -> None:
    loaded = load_config({"api_key": "k", option: value}, {})
    assert getattr(loaded, option) == getattr(Config(), option)
    (warning,) = loaded.warnings
    assert warning.startswith(f"the option {option} cannot be used: ")
    assert "hunter2" not in warning


@pytest.mark.parametrize("option", sorted(config._PARSERS))
def test_an_object_that_raises_whatever_it_is_asked_makes_a_tracer_all_the_same(option: str, tmp_path: Path) -> None:
    options: dict[str, object] = {"enabled": False, "spool_dir": tmp_path, "api_key": "k"}
    tracer = Tracer(**{**options, option: Hostile()})
    tracer.shutdown(0)
    assert "hunter2" not in repr(tracer) + repr(tracer.config)


@pytest.mark.parametrize(("given", "meant"), [(0, False), (1, True), ("off", False), ("YES", True), (False, False)])
def test_tracing_is_turned_on_and_off_by_the_usual_words_and_numbers(given: object, meant: bool) -> None:
    loaded = load_config({"enabled": given, "api_key": "k"}, {})
    assert (loaded.enabled, loaded.warnings) == (meant, ())


def test_the_key_shows_in_no_representation(tmp_path: Path) -> None:
    tracer = Tracer(api_key="xray_sk_hunter2", spool_dir=tmp_path, enabled=False)
    assert tracer.config.api_key == "xray_sk_hunter2"
    assert "hunter2" not in repr(tracer) + repr(tracer.config) + tracer.config.destination


def test_the_credentials_file_is_used_where_neither_key_nor_url_is_given(credentials: Path) -> None:
    loaded = load_config({}, {})
    assert (loaded.api_key, loaded.base_url, loaded.project_id) == ("xray_sk_local", "http://127.0.0.1:7", "local")
    assert load_config({"project_id": "mine"}, {}).project_id == "mine"


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        ({"api_key": "k"}, {}),
        ({"base_url": "http://x"}, {}),
        ({"api_key": "no key"}, {}),
        ({}, {"XRAY_BASE_URL": "ftp://x"}),
        ({}, {"XRAY_API_KEY": "k"}),
    ],
)
def test_the_credentials_file_is_left_alone_where_key_or_url_is_given_even_a_wrong_one(
    options: dict[str, object], environ: dict[str, str], credentials: Path
) -> None:
    assert "local" not in {load_config(options, environ).api_key, load_config(options, environ).project_id}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_credentials_file_that_others_may_touch_is_not_used(mode: int, credentials: Path) -> None:
    credentials.chmod(mode)
    assert load_config({}, {}).api_key is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_credentials_file_of_another_user_is_not_used(credentials: Path) -> None:
    os.chown(credentials, 12345, -1)
    assert load_config({}, {}).api_key is None


@pytest.mark.parametrize(
    "content",
    [
        {**GIVEN, "baseUrl": "http://example.com"}, {**GIVEN, "baseUrl": "http://127.0.0.1@example.com"},
        {**GIVEN, "baseUrl": 5}, {**GIVEN, "apiKey": "no key"}, {**GIVEN, "projectId": "../up"}, {}, [], "text",
    ],
)  # fmt: skip
def test_a_credentials_file_that_names_another_machine_or_makes_no_sense_is_not_used(
    content: object, credentials: Path
) -> None:
    credentials.write_text(json.dumps(content))
    assert load_config({}, {}).api_key is None
    credentials.write_text(json.dumps(content)[:-1])
    assert load_config({}, {}).api_key is None


def test_the_tracer_for_tests_takes_options_as_the_real_one_and_refuses_wrong_ones() -> None:
    tracer = MemoryTracer(redact=["ssn"], sample_rate="1")
    trace = tracer.create_trace({"ssn": "hunter2", "name": "Ada"})
    trace.success()
    assert tracer.events[0]["metadata"] == {"ssn": "[redacted]", "name": "Ada"}
    with pytest.raises(ConfigError, match="no option 'sample'"):
        MemoryTracer(sample=1)

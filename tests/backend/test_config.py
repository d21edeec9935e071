"""The settings: command line over environment over default, and no secret in sight."""

from pathlib import Path

import pytest

from xray_backend.config import is_loopback, load_config, located, path_of
from xray_backend.errors import ConfigurationError

SECRET = "0123456789abcdef0123456789abcdef"


def test_without_settings_everything_lies_in_the_home_directory() -> None:
    config = load_config({}, {})
    assert config.data_dir == Path("~/.xray-trace").expanduser()
    assert path_of(config.store_url, "sqlite") == config.data_dir / "xray.db"
    assert path_of(config.blobs_url, "file") == config.data_dir / "blobs"
    assert (config.host, config.port) == ("127.0.0.1", 3000)


def test_the_command_line_comes_before_the_environment() -> None:
    config = load_config({"port": "1", "host": None}, {"XRAY_PORT": "2", "XRAY_HOST": "::1"})
    assert (config.port, config.host) == (1, "::1")


def test_a_secret_shows_in_no_repr_and_in_no_error() -> None:
    assert SECRET not in repr(load_config({}, {"XRAY_JWT_SECRET": SECRET}))
    with pytest.raises(ConfigurationError) as refused:
        load_config({}, {"XRAY_JWT_SECRET": SECRET[:31]})
    assert SECRET[:31] not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "raw"),
    [
        ("XRAY_MAX_QUERY_SECONDS", "0"), ("XRAY_MAX_QUERY_SECONDS", "nan"), ("XRAY_MAX_QUERY_SECONDS", "-1"),
        ("XRAY_MAX_EVENTS", "0"), ("XRAY_MAX_EVENTS", "1e3"), ("XRAY_MAX_EVENTS", "٣"), ("XRAY_MAX_DEPTH", "201"),
        ("XRAY_MAX_FILTER_DEPTH", "101"), ("XRAY_MAX_FILTER_CLAUSES", "501"), ("XRAY_MAX_REGEX_LENGTH", "0"),
        ("XRAY_MAX_BODY_BYTES", "5MB"), ("XRAY_LOGIN_RATE_PER_ACCOUNT", "0/minute"), ("XRAY_THREADS", "0"),
        ("XRAY_STORE_URL", "sqlite://x"), ("XRAY_BUS_URL", "redis://x"), ("XRAY_BLOBS_URL", "gs://x"),
        ("XRAY_CONSUMER_PAUSE_MS", "2001"), ("XRAY_TOPIC_PARTITIONS", "10001"),
        ("XRAY_KAFKA_OPTIONS", "[]"), ("XRAY_BUS_TIMEOUT_SECONDS", "0"),
        ("XRAY_PUBLIC_BASE_URL", "ftp://x"), ("XRAY_PUBLIC_BASE_URL", "https://x?y"), ("XRAY_CORS_ORIGINS", "x.org"),
        ("XRAY_TRUSTED_PROXIES", "10.0.0.0/99"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_refused_by_the_name_of_its_setting(variable: str, raw: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{variable} cannot be used: .+\."):
        load_config({}, {variable: raw})


def test_the_greatest_value_of_a_setting_is_taken() -> None:
    config = load_config({}, {"XRAY_CONSUMER_PAUSE_MS": "2000", "XRAY_TOPIC_PARTITIONS": "10000"})
    assert (config.consumer_pause_ms, config.topic_partitions) == (2000, 10_000)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:8"), ("localhost", "http://localhost:8"), ("::1", "http://[::1]:8"),
        ("0.0.0.0", "http://127.0.0.1:8"), ("::", "http://[::1]:8"), ("10.0.0.5", "http://10.0.0.5:8"),
    ],
)  # fmt: skip
def test_the_base_url_follows_from_where_the_server_listens(host: str, expected: str) -> None:
    assert located(load_config({"host": host}, {}), 8).public_base_url == expected


def test_a_base_url_that_was_set_is_kept() -> None:
    config = load_config({}, {"XRAY_PUBLIC_BASE_URL": "https://xray.example.org/"})
    assert located(config, 8).public_base_url == "https://xray.example.org"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_a_loopback_host_is_one(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "localhost.example.org"])
def test_any_other_host_is_none(host: str) -> None:
    assert not is_loopback(host)

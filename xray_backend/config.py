"""One frozen, validated configuration of the server: command line over environment over default."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec

from xray_backend.errors import ConfigurationError
from xray_backend.log import STREAMS

__all__ = ["Config", "IpNetwork", "is_loopback", "load_config", "located", "path_of"]

IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_DATA_DIR = Path("~/.xray-trace")
MIN_SECRET_LENGTH = 32  # characters: as many as HS256's 256 bits have bytes
_RATE = re.compile(r"[1-9][0-9]{0,6}/(second|minute|hour|day)")


@dataclass(frozen=True)
class Config:
    """Everything that the server's owner decides."""

    data_dir: Path
    store_url: str = field(repr=False)  # it may hold a password
    blobs_url: str = field(repr=False)  # a password in it is refused, but only where it is opened
    bus_url: str = "inline:"
    bus_timeout_seconds: float = 10.0  # an SDK waits 30 for its answer; brokers elect a leader in less
    kafka_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Properties of librdkafka, which may hold a password."""

    kafka_security_protocol: str | None = None
    kafka_sasl_mechanism: str | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: str | None = field(default=None, repr=False)
    kafka_tls_ca_file: Path | None = None
    kafka_tls_certificate_file: Path | None = None
    kafka_tls_key_file: Path | None = None

    topic_partitions: int = 3  # as many consumers can share the work
    topic_replicas: int = -1  # as the brokers are set up
    consumer_group: str = "xray-consumers"
    consumer_instance: str | None = None
    consumer_pause_ms: int = 150  # a batch has time to fill, and nobody who looks at a trace notices
    consumer_host: str = "127.0.0.1"
    consumer_port: int = 3001  # beside the API's

    host: str = "127.0.0.1"
    port: int = 3000  # the SDK's default base URL names it
    public_base_url: str = ""
    """What signed URLs begin with; empty until the server knows its port."""

    jwt_secret: str = field(default="", repr=False)
    """Signs tokens and blob URLs; empty until the one kept in the data directory was read."""

    log: str = "stderr"  # beside what the program itself says on stdout
    threads: int = 16  # ingest requests wait for the disk together; more threads make larger groups, not faster ones
    stall_seconds: float = 30.0  # who changes from one network to another is back by then; a thread waits no longer
    cors_origins: tuple[str, ...] = ()
    registration_open: bool = True
    trusted_proxies: tuple[IpNetwork, ...] = ()
    login_rate_per_address: str = "60/minute"  # a team behind one address logs in; each try costs ~50 ms of one core
    login_rate_per_account: str = "10/minute"  # a person mistypes three times; a guesser gets 14,400 tries a day
    register_rate_per_address: str = "20/hour"  # a class registers in an hour; a flood does not
    max_events: int = 1000  # the wire contract's number
    max_body_bytes: int = 5 * 1024 * 1024  # the wire contract's number, after decompression
    max_event_bytes: int = 256 * 1024  # the wire contract's number
    max_content_bytes: int = 16 * 1024  # the wire contract's number
    max_depth: int = 50  # the wire contract's number
    max_presign_items: int = 1000  # as many as a batch may have events
    max_blob_bytes: int = 1024**3  # 1 GiB, on 2.4 Mbit/s, is as much as one PUT brings before its URL expires
    max_filter_depth: int = 50  # any stored value can be asked for whole
    max_filter_clauses: int = 100  # each is one test a row
    max_filter_list_length: int = 1000  # ten pages of ids, which is what a list is mostly made of
    max_regex_length: int = 1000  # what people write has some tens of characters
    sweep_seconds: int = 60 * 60  # what is too old or abandoned may stay an hour more; a sweep reads each blob's name
    abandoned_seconds: int = 24 * 60 * 60  # a laptop that was closed in the evening goes on in the morning
    max_query_seconds: float = 10.0  # a person waits no longer; a query that needs more needs another filter


def load_config(options: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Config:
    """Build the configuration. Raises `ConfigurationError` if a value cannot be used."""
    chosen: dict[str, Any] = {}
    for name, (variable, parse) in _SETTINGS.items():
        if options.get(name) is not None:
            chosen[name] = _parsed(f"--{name.replace('_', '-')}", parse, str(options[name]))
        elif environ.get(variable):
            chosen[name] = _parsed(variable, parse, environ[variable])
    data_dir = chosen.setdefault("data_dir", DEFAULT_DATA_DIR.expanduser())
    chosen.setdefault("store_url", f"sqlite:///{data_dir / 'xray.db'}")
    chosen.setdefault("blobs_url", f"file:///{data_dir / 'blobs'}")
    return Config(**chosen)


def located(config: Config, port: int) -> Config:
    """Return the configuration once the port is known, with the base URL that follows from it."""
    if config.public_base_url:
        return replace(config, port=port)
    host = "127.0.0.1" if config.host in ("", "0.0.0.0") else "::1" if config.host == "::" else config.host  # noqa: S104 - compared, not bound
    shown = f"[{host}]" if ":" in host else host
    return replace(config, port=port, public_base_url=f"http://{shown}:{port}")


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def path_of(url: str, scheme: str) -> Path:
    """Return the path that `scheme:///path` names. Raises `ConfigurationError` if the URL has another scheme."""
    if not url.startswith(f"{scheme}:"):
        raise ConfigurationError(f"This works on a {scheme}:/// URL only, and the one that is set is another.")
    return Path("/" + url.removeprefix(f"{scheme}://").lstrip("/"))


def _parsed(source: str, parse: Callable[[str], object], raw: str) -> object:
    try:
        return parse(raw)
    except ValueError as error:
        raise ConfigurationError(f"{source} cannot be used: {error}.") from None


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", raw) or not low <= int(raw) <= high:
            raise ValueError(f"it must be a whole number from {low} to {high}")
        return int(raw)

    return parse


def _seconds(raw: str) -> float:
    value = float(raw) if re.fullmatch(r"[0-9]+([.][0-9]+)?", raw) else 0.0
    if not 0 < value <= 3600:
        raise ValueError("it must be a number of seconds above 0 and up to 3600")
    return value


def _name(raw: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", raw):
        raise ValueError("it must be 1 to 200 letters, digits, `.`, `_` and `-`")
    return raw


def _flag(raw: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if raw.lower() not in known:
        raise ValueError("it must be 1 or 0")
    return known[raw.lower()]


def _rate(raw: str) -> str:
    if not _RATE.fullmatch(raw):
        raise ValueError('it must be like "10/minute" (second, minute, hour or day)')
    return raw


def _secret(raw: str) -> str:
    if len(raw) < MIN_SECRET_LENGTH:
        raise ValueError(f"it must have at least {MIN_SECRET_LENGTH} characters; `openssl rand -hex 32` makes one")
    return raw


def _base_url(raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("it must be a URL like https://xray.example.org")
    return raw.rstrip("/")


def _origins(raw: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in raw.split(",") if part.strip())
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
            raise ValueError(f'{origin!r} is no origin like https://ui.example.org, nor "*"')
    return origins


def _networks(raw: str) -> tuple[IpNetwork, ...]:
    return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in raw.split(",") if part.strip())


def _directory(raw: str) -> Path:
    return Path(raw).expanduser().absolute()


def _file(raw: str) -> Path:
    path = _directory(raw)
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise ValueError(f"there is no file that can be read at {path}")
    return path


def _word(*words: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in words:
            raise ValueError(f"it must be one of {', '.join(words)}")
        return raw

    return parse


def _one_of(beginnings: Mapping[str, str]) -> Callable[[str], str]:
    """Take a URL that has one of these beginnings, each with an example; the part that it names reads the rest."""

    def parse(raw: str) -> str:
        if not raw.startswith(tuple(beginnings)):
            raise ValueError(f"it must be like {' or '.join(begin + rest for begin, rest in beginnings.items())}")
        return raw

    return parse


def _properties(raw: str) -> Mapping[str, str]:
    try:
        found = msgspec.json.decode(raw, type=dict[str, str | int | float | bool])
    except msgspec.DecodeError:
        raise ValueError('it must be a JSON object like {"linger.ms": 5}') from None
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in found.items()}


_STORES = {"sqlite:///": "path/of/the/database", "mongodb://": "host/database", "mongodb+srv://": "host/database"}
_BUSES = {"inline:": "", "kafka://": "host:9092,host:9092/topic"}
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_BLOB_STORES = {"file:///": "path/of/a/directory", "s3://": "bucket/prefix?region=name"}

_SETTINGS: dict[str, tuple[str, Callable[[str], object]]] = {
    "data_dir": ("XRAY_DATA_DIR", _directory),
    "store_url": (
        "XRAY_STORE_URL",
        _one_of(_STORES),
    ),
    "bus_url": ("XRAY_BUS_URL", _one_of(_BUSES)),
    "bus_timeout_seconds": ("XRAY_BUS_TIMEOUT_SECONDS", _seconds),
    "kafka_options": ("XRAY_KAFKA_OPTIONS", _properties),
    "kafka_security_protocol": ("XRAY_KAFKA_SECURITY_PROTOCOL", _word(*_PROTOCOLS)),
    "kafka_sasl_mechanism": ("XRAY_KAFKA_SASL_MECHANISM", _word("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")),
    "kafka_sasl_username": ("XRAY_KAFKA_SASL_USERNAME", str),
    "kafka_sasl_password": ("XRAY_KAFKA_SASL_PASSWORD", str),
    "kafka_tls_ca_file": ("XRAY_KAFKA_TLS_CA_FILE", _file),
    "kafka_tls_certificate_file": ("XRAY_KAFKA_TLS_CERTIFICATE_FILE", _file),
    "kafka_tls_key_file": ("XRAY_KAFKA_TLS_KEY_FILE", _file),
    "topic_partitions": ("XRAY_TOPIC_PARTITIONS", _whole(1, 10_000)),
    "topic_replicas": ("XRAY_TOPIC_REPLICAS", _whole(1, 100)),
    "consumer_group": ("XRAY_CONSUMER_GROUP", _name),
    "consumer_instance": ("XRAY_CONSUMER_INSTANCE", _name),
    "consumer_pause_ms": ("XRAY_CONSUMER_PAUSE_MS", _whole(1, 2_000)),
    "consumer_host": ("XRAY_CONSUMER_HOST", str),
    "consumer_port": ("XRAY_CONSUMER_PORT", _whole(0, 65535)),
    "blobs_url": ("XRAY_BLOBS_URL", _one_of(_BLOB_STORES)),
    "host": ("XRAY_HOST", str),
    "port": ("XRAY_PORT", _whole(0, 65535)),
    "public_base_url": ("XRAY_PUBLIC_BASE_URL", _base_url),
    "jwt_secret": ("XRAY_JWT_SECRET", _secret),
    "log": ("XRAY_LOG", _word(*STREAMS)),
    "threads": ("XRAY_THREADS", _whole(1, 256)),
    "stall_seconds": ("XRAY_STALL_SECONDS", _seconds),
    "cors_origins": ("XRAY_CORS_ORIGINS", _origins),
    "registration_open": ("XRAY_REGISTRATION_OPEN", _flag),
    "trusted_proxies": ("XRAY_TRUSTED_PROXIES", _networks),
    "login_rate_per_address": ("XRAY_LOGIN_RATE_PER_ADDRESS", _rate),
    "login_rate_per_account": ("XRAY_LOGIN_RATE_PER_ACCOUNT", _rate),
    "register_rate_per_address": ("XRAY_REGISTER_RATE_PER_ADDRESS", _rate),
    "max_events": ("XRAY_MAX_EVENTS", _whole(1, 100_000)),
    "max_body_bytes": ("XRAY_MAX_BODY_BYTES", _whole(1024, 2**30)),
    "max_event_bytes": ("XRAY_MAX_EVENT_BYTES", _whole(1024, 2**24)),
    "max_content_bytes": ("XRAY_MAX_CONTENT_BYTES", _whole(0, 2**20)),
    "max_depth": ("XRAY_MAX_DEPTH", _whole(1, 200)),
    "max_presign_items": ("XRAY_MAX_PRESIGN_ITEMS", _whole(1, 100_000)),
    "max_blob_bytes": ("XRAY_MAX_BLOB_BYTES", _whole(1, 2**40)),
    "max_filter_depth": ("XRAY_MAX_FILTER_DEPTH", _whole(1, 100)),
    "max_filter_clauses": ("XRAY_MAX_FILTER_CLAUSES", _whole(1, 500)),
    "max_filter_list_length": ("XRAY_MAX_FILTER_LIST_LENGTH", _whole(1, 5000)),
    "max_regex_length": ("XRAY_MAX_REGEX_LENGTH", _whole(1, 10_000)),
    "sweep_seconds": ("XRAY_SWEEP_SECONDS", _whole(1, 7 * 24 * 60 * 60)),
    "abandoned_seconds": ("XRAY_ABANDONED_SECONDS", _whole(1, 365 * 24 * 60 * 60)),
    "max_query_seconds": ("XRAY_MAX_QUERY_SECONDS", _seconds),
}

"""One frozen, validated configuration: argument over environment over credentials file over default."""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from xray_trace.errors import ConfigError
from xray_trace.guard import from_signal_handler
from xray_trace.ids import is_valid_id

__all__ = ["Config", "Redact", "load_config"]

Redact = Callable[[str, object], bool]
"""Given a name and its value, tells whether the value must be masked besides what the built-in list masks."""

DEFAULT_BASE_URL = "http://localhost:3000"
CREDENTIALS_PATH = Path("~/.xray-trace/credentials.json")
_LONGEST_PROJECT_ID = 160  # a trace's id is the project's and a UUID, and has 200 characters at most
DEFAULT_REDACTED_NAMES = (
    "password", "passwd", "passphrase", "secret", "token", "api_key", "apikey", "authorization", "cookie",
    "credential", "credentials", "private_key", "session_id", "access_key",
    "passwords", "secrets", "api_keys", "cookies",
)  # fmt: skip


def _spool_root() -> Path:
    import tempfile  # imported when tracing begins: importing the SDK must cost a program little

    return Path(tempfile.gettempdir()) / "xray-sdk"


@dataclass(frozen=True)
class Config:
    """Everything that the SDK lets its user decide; `spec` of each option stands in `docs/settings.md`."""

    api_key: str | None = field(default=None, repr=False)
    base_url: str = DEFAULT_BASE_URL
    project_id: str | None = None
    enabled: bool = True
    debug: bool = False
    batch_interval_seconds: float = 5.0
    max_batch_size: int = 100
    spool_dir: Path = field(default_factory=_spool_root)
    max_spool_bytes: int = 100_000_000
    fsync: bool = False
    max_attempts: int = 5
    worker_pool_size: int = 2
    inline_max_bytes: int = 16 * 1024  # the server's limit for content inside an event
    sample_rate: float = 1.0
    redact: tuple[str, ...] | Redact = DEFAULT_REDACTED_NAMES
    pickle: bool = False
    exit_timeout_seconds: float = 2.0
    warnings: tuple[str, ...] = ()
    """One sentence for each option whose value could not be used."""

    @property
    def destination(self) -> str:
        """Return what tells this server and key from others without telling the key (16 hexadecimal digits)."""
        import hashlib  # see `_spool_root`

        key_hash = hashlib.sha256((self.api_key or "").encode("utf-8", "surrogatepass")).hexdigest()
        return hashlib.sha256(f"{self.base_url}\n{key_hash}".encode()).hexdigest()[:16]


def load_config(options: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Config:
    """Build the configuration; never raises for a bad value: it becomes a warning, and what comes next holds."""
    warnings: list[str] = []
    chosen: dict[str, Any] = {}
    known = {f.name for f in fields(Config)} - {"warnings"}
    for name in sorted(set(options) - known):
        warnings.append(f"xray_trace has no option {name!r}; it is ignored")
    for name in sorted(known):
        for source, raw in _sources(name, options, environ):
            flaw = _try_to_choose(chosen, name, raw)
            if flaw is None:
                break
            warnings.append(f"{source} cannot be used: {flaw}; it is left aside")
    if not _sources("api_key", options, environ) and not _sources("base_url", options, environ):
        chosen = {**_local_credentials(), **chosen}
    return Config(**chosen, warnings=tuple(warnings))


def _try_to_choose(chosen: dict[str, Any], name: str, raw: object) -> str | None:
    """Take the value, or return what is wrong in our own words: a library's may repeat a value that is secret."""
    try:
        chosen[name] = _PARSERS[name](raw)
    except ConfigError as error:
        return str(error)
    except Exception as error:  # an object that was given may raise anything when it is asked
        if from_signal_handler(error):
            raise
        return f"reading it raised {type(error).__name__}"
    return None


def _sources(name: str, options: Mapping[str, object], environ: Mapping[str, str]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    if options.get(name) is not None:
        found.append((f"the option {name}", options[name]))
    variable = "XRAY_" + name.upper()
    if environ.get(variable):
        found.append((f"the environment variable {variable}", environ[variable]))
    return found


def _local_credentials() -> dict[str, str]:
    """Read what a local server wrote for its user, if the file is the user's own, private, and names this machine."""
    try:
        path = CREDENTIALS_PATH.expanduser()
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
                return {}
            found = msgspec.json.decode(file.read())
        if _hostname(found["baseUrl"]) not in {"localhost", "127.0.0.1", "::1"}:
            return {}
        return {
            "api_key": _secret(found["apiKey"]),
            "base_url": _url(found["baseUrl"]),
            "project_id": _project_id(found["projectId"]),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ConfigError):
        return {}


def _hostname(url: str) -> str | None:
    from urllib.parse import urlsplit  # see `_spool_root`

    return urlsplit(url).hostname


def _text(raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ConfigError("it must be a text that is not empty")
    return raw.strip()


def _secret(raw: object) -> str:
    text = _text(raw)
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError("a key is printable ASCII without spaces")
    return text


def _url(raw: object) -> str:
    from urllib.parse import urlsplit  # see `_spool_root`

    text = _text(raw).rstrip("/")
    try:
        text.encode()  # a lone surrogate is refused
        parts = urlsplit(text)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or not text.isprintable() or " " in text:
        raise ConfigError("it must be a URL like https://host:port")
    if parts.username or parts.password:
        raise ConfigError("it must not hold a user name or password")
    return text


def _project_id(raw: object) -> str:
    text = _text(raw)
    if len(text) > _LONGEST_PROJECT_ID or not is_valid_id(text):
        raise ConfigError("it must be letters, digits and _ . : - only, as the server shows it")
    return text


def _boolean(raw: object) -> bool:
    if type(raw) is bool or (type(raw) is int and raw in (0, 1)):
        return bool(raw)
    word = _text(raw).lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ConfigError("it must be true or false")


def _number(low: float, high: float) -> Callable[[object], float]:
    def parse(raw: object) -> float:
        if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
            raise ConfigError("it must be a number")
        try:
            number = float(raw)
        except ValueError:
            raise ConfigError("it must be a number") from None
        if not low <= number <= high:
            raise ConfigError(f"it must be from {low:g} to {high:g}")
        return number

    return parse


def _integer(low: int, high: int) -> Callable[[object], int]:
    def parse(raw: object) -> int:
        number = _number(low, high)(raw)
        if number != int(number):
            raise ConfigError("it must be a whole number")
        return int(number)

    return parse


def _path(raw: object) -> Path:
    if isinstance(raw, os.PathLike):
        raw = os.fspath(raw)
    text = _text(raw)
    if "\0" in text:
        raise ConfigError("it must be the path of a directory")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ConfigError("its home directory is not known") from None


def _redact(raw: object) -> tuple[str, ...] | Redact:
    if callable(raw):
        return raw
    names = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(names, (list, tuple, set, frozenset)):
        raise ConfigError("it must be names or a function")
    return tuple(sorted({_text(name).lower() for name in names}))


_PARSERS: dict[str, Callable[[object], object]] = {
    "api_key": _secret,
    "base_url": _url,
    "project_id": _project_id,
    "enabled": _boolean,
    "debug": _boolean,
    "batch_interval_seconds": _number(0.01, 3600),
    "max_batch_size": _integer(1, 1000),
    "spool_dir": _path,
    "max_spool_bytes": _integer(1_000_000, 2**50),
    "fsync": _boolean,
    "max_attempts": _integer(1, 100),
    "worker_pool_size": _integer(1, 64),
    "inline_max_bytes": _integer(0, 16 * 1024),
    "sample_rate": _number(0, 1),
    "redact": _redact,
    "pickle": _boolean,
    "exit_timeout_seconds": _number(0, 3600),
}

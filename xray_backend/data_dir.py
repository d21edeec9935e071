"""The data directory: one server at a time, its secret, and the credentials for local use."""

import fcntl
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

import msgspec

from xray_backend.errors import ConfigurationError

__all__ = ["Credentials", "DataDir"]

SECRET_BYTES = 32  # HS256 takes a key of 256 bits
_BESIDE = re.compile(r"\.(jwt-secret|credentials\.json)\.[0-9a-f]{16}")


class Credentials(msgspec.Struct, rename="camel"):
    """What the SDK needs to reach this server, and a person to log in."""

    base_url: str
    project_id: str
    api_key: str
    email: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(base_url={self.base_url!r}, project_id={self.project_id!r})"


class DataDir:
    """A directory that only its owner reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: int | None = None

    def take(self) -> None:
        """Make the directory and keep other servers out. Raises `ConfigurationError` if that cannot be."""
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._path / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"Another X-Ray server uses {self._path}; stop it, or give this one its own --data-dir."
            ) from None
        self._sweep()

    def let_go(self) -> None:
        """Close this process's part of the lock: a forked worker does, so that the lock ends with its parent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secret(self) -> str:
        """Return the secret of this directory; it is made at the first call, and never changes."""
        path = self._path / "jwt-secret"
        try:
            if not path.exists():
                self._write(path, secrets.token_hex(SECRET_BYTES).encode())
            found = path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(error) from None
        if len(found) < SECRET_BYTES:
            raise ConfigurationError(f"The file {path} is damaged; remove it, and everybody logs in again.")
        return found

    def credentials(self) -> Credentials | None:
        """Return the credentials for local use, if there are any that can be read."""
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(self._credentials_path.read_bytes(), type=Credentials)
        return None

    def write_credentials(self, credentials: Credentials) -> Path:
        """Keep the credentials where the SDK looks for them; returns where that is."""
        try:
            self._write(self._credentials_path, msgspec.json.format(msgspec.json.encode(credentials), indent=2) + b"\n")
        except OSError as error:
            raise self._unusable(error) from None
        return self._credentials_path

    @property
    def _credentials_path(self) -> Path:
        return self._path / "credentials.json"

    def _write(self, path: Path, content: bytes) -> None:
        """Write a file that is whole or as it was, and readable by nobody else at any moment."""
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with open(beside, "xb", opener=lambda name, flags: os.open(name, flags | os.O_CLOEXEC, 0o600)) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what a server left that was killed while it wrote; only the one that holds the lock may."""
        with suppress(OSError):
            for path in self._path.iterdir():
                if _BESIDE.fullmatch(path.name):
                    path.unlink()

    def _unusable(self, error: Exception) -> ConfigurationError:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it cannot be read"
        return ConfigurationError(f"The data directory {self._path} cannot be used: {reason}.")

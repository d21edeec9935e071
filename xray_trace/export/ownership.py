"""Who is alive: a locked file for each owner, and the lock dies with its process.

POSIX record locks (`fcntl.lockf`) are used because a fork's child does not inherit them, so a child cannot keep
a dead owner alive. Their price: they vanish when the process closes any descriptor of the file. So a process
never opens a lock file that it holds itself; `_HELD` tells it which those are.
"""

import contextlib
import os
import threading
from pathlib import Path

from xray_trace.errors import SpoolError
from xray_trace.guard import from_signal_handler

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["IS_SUPPORTED", "OwnerLock", "is_alive"]

IS_SUPPORTED = fcntl is not None
"""Whether this system can tell who is alive; where it cannot, nothing may be kept on a shared disk."""

_HELD: set[str] = set()
_PROBING = threading.Lock()  # one thread at a time opens a lock file: another's closing it would drop the lock


def _forget_in_child() -> None:
    """The locks are the parent's; so is the knowledge of them."""
    global _PROBING
    _PROBING = threading.Lock()
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


class OwnerLock:
    """A lock that is held until it is released, or its process ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._identity = _identity(os.fstat(descriptor))

    @classmethod
    def create(cls, path: Path) -> "OwnerLock":
        """Take the lock of a new owner.

        Raises SpoolError if the file system knows no locks or cannot be written.
        """
        # Under another name until it is locked: a process that looks for the dead would take it in between.
        hidden = path.with_name(f".{path.name}")
        lock = cls._take(hidden, os.O_CREAT | os.O_EXCL)
        if lock is None:
            raise SpoolError(f"{hidden} cannot be locked, so nobody could tell that its owner lives")
        lock._show_as(path)
        return lock

    @classmethod
    def inherit(cls, path: Path) -> "OwnerLock | None":
        """Take the lock of an owner that is dead; None where it lives, or another process was quicker.

        An owner without a lock file is dead; the file is made then, so that one process alone comes by.
        """
        try:
            return cls._take(path, os.O_CREAT)
        except SpoolError:
            return None

    @classmethod
    def _take(cls, path: Path, flags: int) -> "OwnerLock | None":
        with _PROBING:
            return None if str(path) in _HELD else cls._open(path, flags)

    @classmethod
    def _open(cls, path: Path, flags: int) -> "OwnerLock | None":
        descriptor = -1
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _identity(path.lstat()) != _identity(os.fstat(descriptor)):
                raise FileNotFoundError  # the one who had the lock removed the file while we were opening it
        except (BlockingIOError, PermissionError, FileNotFoundError):
            _close(descriptor)
            return None
        except OSError as error:
            _close(descriptor)
            if from_signal_handler(error):
                raise
            raise SpoolError(f"{path} cannot be locked: {error.strerror}") from error
        _HELD.add(str(path))
        return cls(path, descriptor)

    def _show_as(self, path: Path) -> None:
        _HELD.add(str(path))  # before it can be seen: no thread of ours may open it and so drop the lock
        try:
            os.rename(self._path, path)
        except OSError as error:
            _HELD.discard(str(path))
            self.release()
            raise SpoolError(f"{path} cannot be written: {error.strerror}") from error
        _HELD.discard(str(self._path))
        self._path = path

    def is_intact(self) -> bool:
        """Tell whether file and descriptor still are what was locked; somebody may have closed or removed them."""
        try:
            return self._identity == _identity(os.fstat(self._descriptor)) == _identity(self._path.lstat())
        except OSError:
            return False

    def release(self) -> None:
        """Remove the file, then let the lock go; in this order nobody can take the lock of a file that vanishes.

        A file that cannot be removed is that of a dead owner from now on.
        """
        with contextlib.suppress(OSError):
            if self.is_intact():
                self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the descriptor if it still is ours: its number may belong to the program by now."""
        descriptor, self._descriptor = self._descriptor, -1
        _HELD.discard(str(self._path))
        try:
            if descriptor >= 0 and _identity(os.fstat(descriptor)) == self._identity:
                os.close(descriptor)
        except OSError:
            return


def is_alive(path: Path) -> bool:
    """Tell whether the owner of this lock file lives; only looks."""
    with _PROBING:
        return str(path) in _HELD or _is_locked(path)


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)

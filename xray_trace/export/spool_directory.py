"""Finding a directory for the spool that is this user's own and nobody else's to read."""

import os
import stat
from pathlib import Path

from xray_trace.errors import SpoolError
from xray_trace.guard import from_signal_handler

__all__ = ["FOLDERS", "find_spool_directory", "open_spool_directory"]

FOLDERS = ("events", "data", "rejected")
_PRIVATE = 0o700


def find_spool_directory(wished: Path) -> Path | None:
    """Return the directory of this user's spool where there is one; makes nothing."""
    for path in _candidates(wished):
        if _objection(path) is None:
            return path
    return None


def open_spool_directory(wished: Path) -> Path:
    """Make the directory and its folders, or take one beside it where it belongs to somebody else.

    Raises SpoolError if neither can be used.
    """
    objections = []
    for path in _candidates(wished):
        try:
            for folder in (path, *(path / name for name in FOLDERS)):
                _make_private(folder)
        except (OSError, ValueError) as error:
            if from_signal_handler(error):
                raise
            objections.append(f"{path}: {getattr(error, 'strerror', None) or error}")
        else:
            return path
    raise SpoolError("no directory can be used for the spool: " + "; ".join(objections))


def _candidates(wished: Path) -> tuple[Path, Path]:
    user = os.geteuid() if hasattr(os, "geteuid") else 0
    return wished, wished.with_name(f"{wished.name}-{user}")


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=_PRIVATE)
    except FileExistsError:
        objection = _objection(path)
        if objection is not None:
            raise ValueError(objection) from None
        if stat.S_IMODE(path.lstat().st_mode) != _PRIVATE:
            path.chmod(_PRIVATE)
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise ValueError("it cannot be written")


def _objection(path: Path) -> str | None:
    """Say what speaks against using what lies there; a link may lead where somebody else wants our files."""
    try:
        status = path.lstat()
    except OSError as error:
        return error.strerror or str(error)
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link"
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a directory"
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    return None

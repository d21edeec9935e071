"""DiskStorage: the spool on disk, as the architecture lays it out."""

import collections
import contextlib
import errno
import mmap
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from xray_trace.errors import FileGoneError, SpoolError, SpoolFullError
from xray_trace.export.disk_sync import sync_descriptor, sync_path
from xray_trace.export.journal import Journal
from xray_trace.export.ownership import OwnerLock
from xray_trace.export.spool_directory import open_spool_directory
from xray_trace.export.spool_name import BATCH, JOURNAL, LOCK, TEMPORARY, SpoolName
from xray_trace.export.storage import StorageAdapter
from xray_trace.guard import from_signal_handler

__all__ = ["DiskStorage"]

_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_ZEROS = bytes(64 * 1024)  # written where the system cannot preallocate; a size that costs few calls
_MMAP_OPTIONS = {"trackfd": False} if sys.version_info >= (3, 13) else {}


class DiskStorage(StorageAdapter):
    """Keeps each name as a file, 0600, under a directory that is the user's own.

    Opening it makes the directory and takes the owner's lock. With `fsync`, batches and blobs are on the disk itself
    before they are there under their names, and `sync` sees to the rest.
    Raises SpoolError if there is no directory that can be used.
    """

    def __init__(self, directory: Path, destination: str, limit_bytes: int, *, fsync: bool = False) -> None:
        super().__init__(destination, limit_bytes)
        self._fsync = fsync
        self._unsynced: collections.deque[str] = collections.deque()
        """Values whose record waits in a journal, written by threads of the program, which must not wait."""
        self.directory = open_spool_directory(directory)
        self._sync_folders(self.directory.parent, self.directory)
        self._owner_lock = OwnerLock.create(self._lock_path())
        self._sizes: dict[str, int] = {}
        self._used_bytes = 0
        self._is_limited = True
        self._lock = threading.RLock()

    def is_durable(self, name: str) -> bool:
        """Tell whether what lies under the name outlives the process."""
        return True

    @property
    def used_bytes(self) -> int:
        """How much this owner keeps."""
        return self._used_bytes

    def new_journal(self, capacity_bytes: int) -> Journal:
        """Make a file whose blocks the disk has promised: a full disk must not turn a copy into a SIGBUS.

        The file needs no descriptor of ours after it is mapped, so none can be closed under a writer. (Python
        before 3.13 keeps one of its own inside the mapping, which nothing reads, writes or passes on.)
        """
        name = self.new_name(JOURNAL)
        with self._keeping(name, capacity_bytes) as descriptor:
            _preallocate(descriptor, capacity_bytes)
            mapping = mmap.mmap(descriptor, capacity_bytes, **_MMAP_OPTIONS)
        return Journal(name, mapping)

    def write(self, name: str, *chunks: bytes) -> None:
        """Keep the chunks, one after another, under the name; replaces what was there."""
        temporary = name + TEMPORARY
        with self._keeping(name, sum(map(len, chunks)), temporary) as descriptor:
            for chunk in chunks:
                _write_all(descriptor, chunk)
            if self._fsync and name.endswith(BATCH):
                sync_descriptor(descriptor)
            os.rename(self._path(temporary), self._path(name))
        if not self._fsync:
            return
        if name.endswith(BATCH):
            self._sync_folders(self._path(name).parent)
        else:
            self._unsynced.append(name)

    def write_stream(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keep chunks that are made as they are asked for; what is there so far counts at once."""
        temporary = name + TEMPORARY
        written = 0
        try:
            with self._making(name, temporary) as descriptor:
                for chunk in chunks:
                    self._refuse_more(len(chunk))
                    self._add_used(len(chunk))
                    written += len(chunk)
                    _write_all(descriptor, chunk)
                if self._fsync:
                    sync_descriptor(descriptor)
                os.rename(self._path(temporary), self._path(name))
        finally:
            self._add_used(-written)
        self._account(name, written)

    def sync(self, name: str) -> None:
        """Wait until the disk has the file and the values written before it, if the settings ask for that."""
        if not self._fsync:
            return
        while self._unsynced:
            self._sync(self._unsynced.popleft(), may_be_gone=True)
        self._sync(name)

    def patch(self, name: str, start: bytes) -> None:
        """Replace the first bytes of what lies under the name."""
        with _translated(name):
            descriptor = os.open(self._path(name), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.pwrite(descriptor, start, 0)
            finally:
                os.close(descriptor)

    def open(self, name: str) -> BinaryIO:
        """Open what lies under the name for reading."""
        with _translated(name):
            return os.fdopen(os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")

    def size_bytes(self, name: str) -> int:
        """Return how many bytes lie under the name."""
        with _translated(name):
            return self._path(name).lstat().st_size

    def publish(self, old: str, new: str) -> bool:
        """Let it lie under the new name too, until the old one is removed; False where the new one is taken."""
        with _translated(old):
            try:
                os.link(self._path(old), self._path(new))
            except FileExistsError:
                return False
            except OSError:  # a file system without hard links, which each says in its own way
                if self._path(new).exists():
                    return False
                os.rename(self._path(old), self._path(new))
            if self._fsync:
                self._sync(new)
        self._account(new, self.size_bytes(new))
        self._account(old, 0)  # the same bytes
        return True

    def remove(self, name: str) -> None:
        """Remove it; nothing happens where it is gone already."""
        self._account(name, None)
        with _translated(name), contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(name))

    def names(self) -> list[str]:
        """Return what this owner keeps, oldest first."""
        with self._lock:
            return list(self._sizes)

    def take_over(self, old: str, new: str) -> None:
        """Make a dead owner's file this owner's; whoever calls this holds the dead owner's lock."""
        with _translated(old):
            size = self._path(old).lstat().st_size
            if new != old:
                os.rename(self._path(old), self._path(new))
        self._account(old, None)  # ours already, if a journal of the dead owner was packed under that name
        self._account(new, size)

    def leave(self, name: str) -> None:
        """Count a file no more that stays with the owner whose name it has."""
        self._account(name, None)

    @contextlib.contextmanager
    def without_limit(self) -> Iterator[None]:
        """Refuse nothing while the block runs, whoever writes."""
        self._is_limited = False
        try:
            yield
        finally:
            self._is_limited = True

    def release(self) -> None:
        """Give up ownership; what is kept on disk is free for the next process. May be repeated."""
        self._owner_lock.release()

    def forget_in_child(self) -> None:
        """Close the child's copy of the parent's descriptor; the parent's lock does not feel it."""
        self._lock = threading.RLock()
        self._owner_lock.close()

    def renew_lock(self) -> None:
        """Take the owner's lock again if somebody cleaned its file away, or the whole directory.

        Others would think this owner dead. Raises SpoolError if it cannot be taken.
        """
        if not self._owner_lock.is_intact():
            open_spool_directory(self.directory)
            self._owner_lock.close()
            self._owner_lock = OwnerLock.create(self._lock_path())

    def _lock_path(self) -> Path:
        return self._path(str(SpoolName(self.destination, self.owner, 0, 0, LOCK)))

    def _path(self, name: str) -> Path:
        return self.directory / name

    def _account(self, name: str, size: int | None) -> None:
        with self._lock:
            change = (size or 0) - self._sizes.pop(name, 0)
            self._used_bytes += change  # with no call in between, nor so a signal handler
            if size is not None:
                self._sizes[name] = size

    def _sync(self, name: str, *, may_be_gone: bool = False) -> None:
        with _translated(name):
            try:
                sync_path(self._path(name))
            except FileNotFoundError:
                if not may_be_gone:
                    raise
        self._sync_folders(self._path(name).parent)

    def _sync_folders(self, *folders: Path) -> None:
        if not self._fsync:
            return
        for folder in folders:
            with _translated(folder.name):
                sync_path(folder)

    def _add_used(self, size: int) -> None:
        with self._lock:
            self._used_bytes += size

    def _refuse_more(self, size: int) -> None:
        if self._is_limited and self._used_bytes + size > self.limit_bytes:
            raise SpoolFullError(
                f"the spool holds {self._used_bytes} of {self.limit_bytes} bytes; raise max_spool_bytes to keep more"
            )

    @contextlib.contextmanager
    def _keeping(self, name: str, size: int, temporary: str | None = None) -> Iterator[int]:
        """Open a new file of this size for the block to fill, and count it."""
        self._refuse_more(size)
        with self._making(name, temporary or name) as descriptor:
            yield descriptor
        self._account(name, size)

    @contextlib.contextmanager
    def _making(self, name: str, made_as: str) -> Iterator[int]:
        """Open a new file for the block to fill; the file stays if the block succeeds, else nothing does."""
        path = self._path(made_as)
        with _translated(name):
            try:
                descriptor = os.open(path, _NEW_FILE, 0o600)
                try:
                    yield descriptor
                finally:
                    os.close(descriptor)
            except BaseException:
                path.unlink(missing_ok=True)
                raise


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn the system's errors into the spool's."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileGoneError(f"{name} is not in the spool any more") from error
    except OSError as error:
        if from_signal_handler(error):  # a TimeoutError, mostly
            raise
        raise SpoolError(f"the spool's disk failed at {name}: {error.strerror}") from error


def _preallocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
        else:
            return
    for start in range(0, size, len(_ZEROS)):
        _write_all(descriptor, _ZEROS[: size - start])


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]

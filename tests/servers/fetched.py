"""What the real servers are run from, fetched once into `.servers` by the ordinary clients of their registries.

`python -m tests.servers.fetched` fetches all of it.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.servers.process import ServerFailed

__all__ = ["Suite", "jars", "langchain_suite", "minio_program", "redis_program"]

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".servers"
SUITE = HERE.parent / "langchain" / "suite" / "requirements.txt"
MINIO = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
FETCH_SECONDS = 15 * 60  # MinIO is compiled, which takes two minutes on two cores that have nothing else to do


def jars(name: str) -> Path:
    """Return the folder of the Java archives that the `pom.xml` of this name lists. Raises `ServerFailed`."""
    pom = HERE / name / "pom.xml"
    version = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]

    def fetch(folder: Path) -> None:
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
        _run(["mvn", "--quiet", "--batch-mode", "--file", str(pom), *goal])

    return _fetched(f"{name}-{version}", fetch)


def minio_program() -> Path:
    """Return the MinIO server. Raises `ServerFailed` if it can be neither found nor made."""

    def fetch(folder: Path) -> None:
        _run(["go", "install", MINIO], GOBIN=str(folder))

    return _fetched(MINIO.rpartition("/")[2].replace("@", "-"), fetch) / "minio"


def redis_program() -> tuple[Path, dict[str, str]]:
    """Return the Redis server of Debian's packages, and the variables that it needs. Raises `ServerFailed`."""
    place = _fetched("redis", _fetch_redis)
    libraries = sorted({str(library.parent) for library in place.rglob("*.so*")})
    return place / "usr" / "bin" / "redis-server", {"LD_LIBRARY_PATH": ":".join(libraries)}


def _fetch_redis(folder: Path) -> None:
    """Unpack the server and its libraries; apt keeps its lists here, so nobody need be root."""
    lists = folder / "apt"
    for needed in ("state/lists/partial", "cache/archives/partial"):
        (lists / needed).mkdir(parents=True)
    own = [f"Dir::State={lists}/state", f"Dir::Cache={lists}/cache", "APT::Sandbox::User="]
    options = [argument for option in own for argument in ("-o", option)]
    _run(["apt-get", *options, "--quiet", "update"])
    direct = _libraries(["apt-cache", *options, "depends", "redis-tools"])
    every = _libraries(["apt-cache", *options, "depends", "--recurse", *_STRICTLY, *direct])
    _run(["apt-get", *options, "--quiet", "download", "redis-server", "redis-tools", *every], lists)
    for package in sorted(lists.glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(folder)])
    shutil.rmtree(lists)


_STRICTLY = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]


def _libraries(command: list[str]) -> list[str]:
    """Return what apt lists as depended upon; without the C library, which is the system's."""
    found = set(re.findall(r"^(?:  Depends: )?(lib[^\s:]+)$", _run(command), re.MULTILINE))
    return sorted(name for name in found if not name.startswith("libc6"))


class Suite(NamedTuple):
    """A library's own tests."""

    python: Path
    """The interpreter of an environment that has what they need."""
    source: Path
    """The library's source, from which they are run."""


def langchain_suite(version: str) -> Suite:
    """Return langchain-core's own tests, with an environment of their own. Raises `ServerFailed`."""
    needed = hashlib.sha256(SUITE.read_bytes()).hexdigest()[:12]

    def fetch(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", str(folder / "environment")])
        pip = [str(folder / "environment" / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "install", f"langchain-core=={version}", "--requirement", str(SUITE)])
        whole = ["--no-deps", "--no-binary", "langchain-core", "--dest", str(folder)]
        _run([*pip, "download", *whole, f"langchain-core=={version}"])
        with tarfile.open(folder / f"langchain_core-{version}.tar.gz") as archive:
            archive.extractall(folder, filter="data")

    place = _fetched(f"langchain-core-{version}-{needed}", fetch)
    return Suite(place / "environment" / "bin" / "python", place / f"langchain_core-{version}")


def _fetched(name: str, fetch: Callable[[Path], None]) -> Path:
    """Return the folder of this name, made whole or not at all."""
    place = CACHE / name
    with _locked():
        if not place.is_dir():
            half = CACHE / f"{name}.part"
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            fetch(half)
            half.rename(place)
    return place


@contextmanager
def _locked() -> Iterator[None]:
    """Keep other programs from fetching the same meanwhile."""
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str], folder: Path | None = None, **variables: str) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=FETCH_SECONDS,
        )
    except FileNotFoundError:
        raise ServerFailed(f"`{command[0]}` is not installed, and the real servers are fetched with it.") from None
    if done.returncode:
        raise ServerFailed(f"`{' '.join(command)}` failed with status {done.returncode}:\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    for place in (jars("kafka"), jars("mongodb"), minio_program(), redis_program()[0]):
        print(place)

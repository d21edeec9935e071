"""Programs that record side by side, and all that they told."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Recording", "Told"]

ROOT = Path(__file__).parents[3]
PROGRAMS = 3
DELIVERY_SECONDS = 300.0  # the SDK rests half a minute at most between two tries; large values take their time
JOIN_SECONDS = 10.0


@dataclass
class Told:
    """What the programs said, all together."""

    steps: dict[str, str] = field(default_factory=dict)
    """The trace of each step that had returned, by label."""
    traces: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was said of each trace that had ended, by label."""
    books: list[dict[str, Any]] = field(default_factory=list)
    """The SDK's counts at the end of each program."""


class Recording:
    """`with` starts the programs; `end` lets them deliver, and returns what they told."""

    def __init__(self, run: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._told = Told()
        self._names = [f"{run}/{number}" for number in range(PROGRAMS)]
        self._folder = folder
        self._environment = environment
        self._programs: list[subprocess.Popen[bytes]] = []
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> "Recording":
        self._folder.mkdir()
        for number, name in enumerate(self._names):
            self._start(number, name)
        return self

    def __exit__(self, *exception: object) -> None:
        for program in self._programs:
            program.kill()
            program.wait()
            for pipe in (program.stdin, program.stdout):
                if pipe is not None:
                    pipe.close()

    def end(self) -> Told:
        """Return once all is delivered and the programs have ended."""
        for program in self._programs:
            assert program.stdin is not None
            program.stdin.close()
        for program in self._programs:
            program.wait(DELIVERY_SECONDS)
        for reader in self._readers:
            reader.join(JOIN_SECONDS)
        said = [log.read_text() for log in sorted(self._folder.glob("*.log"))]
        assert [program.returncode for program in self._programs] == [0] * PROGRAMS, said
        return self._told

    def _start(self, number: int, name: str) -> None:
        with open(self._folder / f"{number}.log", "wb") as log:
            program = subprocess.Popen(
                [sys.executable, "-m", "tests.live.chaos.program", name],
                cwd=ROOT,
                env={**self._environment, "XRAY_SPOOL_DIR": str(self._folder / f"spool-{number}")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._programs.append(program)
        reader = threading.Thread(target=self._read, args=(program,), daemon=True)
        reader.start()
        self._readers.append(reader)

    def _read(self, program: "subprocess.Popen[bytes]") -> None:
        assert program.stdout is not None
        for line in program.stdout:
            self._note(msgspec.json.decode(line))

    def _note(self, line: dict[str, Any]) -> None:
        if "step" in line:
            self._told.steps[line["step"]] = line["traceId"]
        elif "trace" in line:
            self._told.traces[line["trace"]] = line
        else:
            self._told.books.append(line["books"])

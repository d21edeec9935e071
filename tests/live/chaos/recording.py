"""Programs that record side by side, each into a project of its own, and all that they told."""

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Recording", "Told"]

ROOT = Path(__file__).parents[3]
DELIVERY_SECONDS = 300.0  # the SDK rests half a minute at most between two tries; large values take their time
JOIN_SECONDS = 10.0


@dataclass
class Told:
    """What one program said."""

    steps: dict[str, str] = field(default_factory=dict)
    """The trace of each step that had returned, by label."""
    traces: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was said of each trace that had ended, by label."""
    books: list[dict[str, Any]] = field(default_factory=list)
    """The SDK's counts at each rest."""

    @property
    def delivered(self) -> int:
        """How much was delivered between the last two rests."""
        first, last = [0, *(books["delivered"] for books in self.books)][-2:]
        return last - first


class Recording:
    """`with` starts a program for each environment and ends them; each records from `begin` to `rest`.

    So much time passes between two traces of a program. `hear_step` is told of each step that has returned: the place
    of its program, its label and its trace.
    """

    def __init__(
        self,
        run: str,
        folder: Path,
        environments: Sequence[Mapping[str, str]],
        pace_seconds: float,
        hear_step: Callable[[int, str, str], None],
    ) -> None:
        self.told = [Told() for _ in environments]
        self._run = run
        self._folder = folder
        self._environments = environments
        self._pace_seconds = pace_seconds
        self._hear_step = hear_step
        self._programs: list[subprocess.Popen[bytes]] = []
        self._readers: list[threading.Thread] = []
        self._heard = threading.Condition()

    def __enter__(self) -> "Recording":
        self._folder.mkdir()
        for place, environment in enumerate(self._environments):
            self._start(place, environment)
        return self

    def __exit__(self, *exception: object) -> None:
        for program in self._programs:
            program.kill()
            program.wait()
        for reader in self._readers:
            reader.join(JOIN_SECONDS)
        for program in self._programs:
            for pipe in (program.stdin, program.stdout):
                if pipe is not None:
                    pipe.close()

    def begin(self) -> None:
        """Let them record, and return once each does."""
        before = [len(told.steps) for told in self.told]
        self._order()
        self._wait(lambda: all(len(told.steps) > had for told, had in zip(self.told, before, strict=True)))

    def rest(self) -> None:
        """Return once they record no more, and all is delivered."""
        rests = [len(told.books) + 1 for told in self.told]
        self._order()
        self._wait(lambda: [len(told.books) for told in self.told] == rests)

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._heard:
            holds = self._heard.wait_for(condition, DELIVERY_SECONDS)
        assert holds, [log.read_text() for log in sorted(self._folder.glob("*.log"))]

    def _order(self) -> None:
        for program in self._programs:
            assert program.stdin is not None
            program.stdin.write(b"\n")
            program.stdin.flush()

    def _start(self, place: int, environment: Mapping[str, str]) -> None:
        with open(self._folder / f"{place}.log", "wb") as log:
            program = subprocess.Popen(
                [sys.executable, "-m", "tests.live.chaos.program", f"{self._run}/{place}", str(self._pace_seconds)],
                cwd=ROOT,
                env={**environment, "XRAY_SPOOL_DIR": str(self._folder / f"spool-{place}")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._programs.append(program)
        reader = threading.Thread(target=self._read, args=(place, program), daemon=True)
        reader.start()
        self._readers.append(reader)

    def _read(self, place: int, program: "subprocess.Popen[bytes]") -> None:
        assert program.stdout is not None
        for line in program.stdout:
            self._note(place, msgspec.json.decode(line))

    def _note(self, place: int, line: dict[str, Any]) -> None:
        told = self.told[place]
        with self._heard:
            if "step" in line:
                told.steps[line["step"]] = line["traceId"]
                self._hear_step(place, line["step"], line["traceId"])
            elif "trace" in line:
                told.traces[line["trace"]] = line
            else:
                told.books.append(line["books"])
            self._heard.notify_all()

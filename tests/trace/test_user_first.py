"""Nothing of ours reaches the user, and everything that is the user's does."""

import linecache
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

import xray_trace as xray
from xray_trace.events import Record
from xray_trace.guard import Guard
from xray_trace.testing import MemoryTracer


class Hostile:
    """Everything that can be asked of it raises."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Hostile
        raise RuntimeError(f"asked for {name}")

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        raise RuntimeError("hash")

    def __len__(self) -> int:
        raise RuntimeError("len")

    def __iter__(self) -> Any:
        raise RuntimeError("iter")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")


def test_a_hostile_object_goes_in_and_comes_out_untouched(recorder: MemoryTracer) -> None:
    @xray.step
    def identity(x: object) -> object:
        return x

    hostile = Hostile()
    assert identity(hostile) is hostile
    assert "Hostile" in recorder.steps[0].event["inputs"]["x"]["type"]


class Guarded(type):
    """A metaclass that does not tell what its classes are called."""

    def __getattribute__(cls, name: str) -> Any:
        if name in {"__module__", "__qualname__"}:
            raise RuntimeError(f"asked for {name}")
        return super().__getattribute__(name)


class HostileError(Exception, metaclass=Guarded):
    pass


class UnspeakableError(Exception):
    __qualname__ = "Half\ud800"


@pytest.mark.parametrize("kind", [HostileError, UnspeakableError])
def test_an_error_of_an_odd_class_ends_its_step_and_passes(kind: type[Exception], recorder: MemoryTracer) -> None:
    @xray.step
    def fail(error: Exception) -> None:
        raise error

    error = kind("no")
    with pytest.raises(Exception, match="no") as raised:
        fail(error)
    assert raised.value is error
    (step,) = recorder.steps
    name = "HostileError" if kind is HostileError else "Half\\ud800"
    assert (step.metadata["error"], step.metadata["errorType"]) == ("no", f"{__name__}.{name}")
    assert step.inputs["error"]["type"] == f"{__name__}.{name}"


def test_iterators_generators_files_and_locks_are_not_consumed(recorder: MemoryTracer, tmp_path: Any) -> None:
    @xray.step
    def look(*things: object) -> None:
        return None

    iterator, generator, lock = iter([1, 2]), (i for i in range(2)), threading.Lock()
    with (tmp_path / "f").open("w+") as file:
        file.write("text")
        file.seek(0)
        look(iterator, generator, file, lock)
        assert file.tell() == 0
    assert list(iterator) == [1, 2]
    assert list(generator) == [0, 1]
    assert not lock.locked()


class Alarm(Exception):
    """What a signal handler raises, as Celery's soft time limit does."""


def raise_alarm(signum: int, frame: object) -> None:
    raise Alarm("time is up")


@pytest.fixture
def alarm_handler() -> Any:
    former = signal.signal(signal.SIGUSR1, raise_alarm)
    yield
    signal.signal(signal.SIGUSR1, former)


class SignallingSink:
    """Is interrupted by a signal while it keeps a record, and otherwise fails as a broken disk would."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails

    def put(self, record: Record) -> None:
        if self.fails:
            raise OSError("disk")
        os.kill(os.getpid(), signal.SIGUSR1)
        for _ in range(1000):  # the handler runs between two instructions of ours
            pass


@pytest.mark.usefixtures("alarm_handler")
def test_what_a_signal_handler_raises_inside_our_guard_reaches_the_user(recorder: MemoryTracer) -> None:
    recorder.recorder.core.put = SignallingSink(fails=False).put

    @xray.step
    def work() -> None:
        return None

    with pytest.raises(Alarm, match="time is up"):
        work()
    assert xray.current_step() is None


@pytest.mark.usefixtures("recorder")
@pytest.mark.parametrize("kind", [Alarm, RuntimeError, IndexError, TypeError])
@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("look_at", "width ="),
        ("_sort", "kind ="),
        ("is_flat", "if type(name)"),
        ("take", "return Part("),
        ("_take_result", "take_plain = core"),
        ("encode_plain", "names ="),
        ("_message", "return str("),
    ],
)
def test_what_a_signal_handler_raises_in_the_middle_of_a_capture_reaches_the_user(
    place: str, line: str, kind: type
) -> None:
    class Told(kind):  # type: ignore[misc]
        """Of a type that our own code meets there too."""

    def tell(signum: int, frame: object) -> None:
        raise Told("time is up")

    def strike(frame: Any, event: str, value: object) -> Any:
        is_there = event == "line" and frame.f_code.co_name == place
        if is_there and linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip().startswith(line):
            sys.settrace(None)
            signal.raise_signal(signal.SIGUSR1)
        return strike

    @xray.step(capture_inputs=False)
    def work() -> object:
        xray.annotate(rows=[1, 2])
        if place == "_message":
            raise LookupError("of the program")
        return {"flat": 1} if place == "is_flat" else {"nested": [1, 2]}

    former_trace, former = sys.gettrace(), signal.signal(signal.SIGUSR1, tell)
    try:
        sys.settrace(strike)
        with pytest.raises(Told):
            work()
    finally:
        sys.settrace(former_trace)
        signal.signal(signal.SIGUSR1, former)


@pytest.mark.swallows
@pytest.mark.usefixtures("alarm_handler")
def test_what_our_own_code_raises_does_not_reach_the_user(recorder: MemoryTracer) -> None:
    recorder.recorder.core.put = SignallingSink(fails=True).put

    @xray.step
    def work() -> int:
        return 5

    assert work() == 5
    assert recorder.stats().swallowed > 0


def test_keyboard_interrupt_passes_through_the_guard() -> None:
    guard = Guard(lambda: None, lambda line: None)
    with pytest.raises(KeyboardInterrupt), guard.around("testing"):
        raise KeyboardInterrupt


def test_the_guard_reports_at_most_one_line_a_minute_and_names_no_value() -> None:
    lines: list[str] = []
    counted: list[int] = []
    guard = Guard(lambda: counted.append(1), lines.append)
    for _ in range(100):
        with guard.around("capturing 'x'"):
            raise ValueError("the secret is hunter2")
    assert len(counted) == 100
    assert len(lines) == 1
    assert "hunter2" not in lines[0]
    assert "capturing 'x'" in lines[0]


PROGRAM_OFF = """
import os, sys, threading
import xray_trace as xray

def f(x): return x
class C:
    def m(self): return 1
g = xray.step(f)
assert g is f and xray.trace("t")(f) is f and xray.step(C) is C and C.m.__class__.__name__ == "function"
with xray.trace() as trace, xray.step("s") as step:
    assert step.input(3) == 3
    xray.annotate(a=1); xray.artifact(1, "k"); xray.error(ValueError())
assert trace.data(1, "k") and trace.step("s") and xray.flush().pending == 0
assert threading.active_count() == 1, threading.enumerate()
assert not os.path.exists(sys.argv[1]), os.listdir(sys.argv[1])
"""


def test_off_in_the_environment_means_the_function_itself_no_thread_and_no_file(tmp_path: Any) -> None:
    spool = tmp_path / "spool"
    env = {**os.environ, "XRAY_ENABLED": "0", "XRAY_SPOOL_DIR": str(spool), "XRAY_API_KEY": "xray_sk_x"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM_OFF, spool], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_a_key_nothing_is_recorded_or_printed_and_the_program_runs(tmp_path: Any) -> None:
    program = PROGRAM_OFF.split("g = xray.step(f)")[0] + "print(xray.step(f)(3), xray.stats().recorded)"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XRAY_SPOOL_DIR": str(tmp_path / "spool")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 0\n", "")
    assert not (tmp_path / "spool").exists()


PROGRAM_IMPORT = """
import sys, threading, os
before = set(os.listdir('/proc/self/fd')) if os.path.exists('/proc/self/fd') else set()
import xray_trace
after = set(os.listdir('/proc/self/fd')) if os.path.exists('/proc/self/fd') else set()
print(threading.active_count(), len(after) - len(before), 'aiohttp' in sys.modules, 'cloudpickle' in sys.modules,
      'numpy' in sys.modules, 'pandas' in sys.modules)
"""


def test_importing_starts_no_thread_opens_no_file_and_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM_IMPORT], capture_output=True, text=True, check=True)
    assert done.stdout == "1 0 False False False False\n"


PROGRAM_TORN_DOWN = """
import atexit, _imp, os, sys, threading
import xray_trace as xray

leaving, locked = threading.Event(), threading.Event()

# Apart from this module's variables, which would otherwise outlive the interpreter with the thread's frame.
apart = {"leaving": leaving, "acquire": _imp.acquire_lock, "locked": locked, "wait": threading.Event().wait}
exec("def die_with_a_lock(): leaving.wait(); acquire(); locked.set(); wait()", apart)

@atexit.register
def leave():
    leaving.set()
    locked.wait()

@xray.step
def record(x):
    return x

@xray.step
def items():
    yield 1

options = {"base_url": "http://127.0.0.1:9", "spool_dir": sys.argv[1], "exit_timeout_seconds": 0}
tracer = xray.configure(api_key="xray_sk_x", **options)

class Late:
    def __del__(self, record=record, scope=xray.current_step, create=tracer.create_trace, write=os.write):
        create().success()
        write(1, f"{record(7)} {scope()}".encode())

record(1)
late = Late()
late.itself = late
late.begun = items()
next(late.begun)
threading.Thread(target=apart.pop("die_with_a_lock"), daemon=True).start()
"""


def test_what_objects_record_as_the_interpreter_is_torn_down_neither_hangs_nor_speaks(tmp_path: Any) -> None:
    command = [sys.executable, "-c", PROGRAM_TORN_DOWN, tmp_path / "spool"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "7 None", "")

"""The very first step, which makes the tracer, may come at the worst moment."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, threading
import xray_trace as xray
import xray_trace.default as default

@xray.step
def work(): return "done"

tracer, begun = default.Tracer, threading.Event()

def never_made():
    begun.set()
    threading.Event().wait()

default.Tracer = never_made
threading.Thread(target=work, daemon=True).start()
begun.wait()
child = os.fork()
if child == 0:
    default.Tracer = tracer
    os.write(1, work().encode())
    os._exit(0)
os.waitpid(child, 0)
os._exit(0)
"""


def test_a_child_that_is_forked_while_the_tracer_is_being_made_records_on(tmp_path: Path) -> None:
    env = {"XRAY_API_KEY": "k", "XRAY_BASE_URL": "http://127.0.0.1:9", "XRAY_SPOOL_DIR": str(tmp_path / "spool")}
    # From 3.12 on the interpreter warns of a fork beside threads, which is what the program wants.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done", "")
    assert any(b"work" in path.read_bytes() for path in (tmp_path / "spool" / "events").iterdir())


def test_what_a_step_needs_is_imported_once_the_tracer_is_made(tmp_path: Path) -> None:
    """A child that is forked in the middle of an import would wait for its lock for ever."""
    program = """
import sys
import xray_trace as xray
xray.configure()
print([name for name in ("uuid", "hashlib", "tempfile", "urllib.parse") if name not in sys.modules])
"""
    env = {"XRAY_API_KEY": "k", "XRAY_BASE_URL": "http://127.0.0.1:9", "XRAY_SPOOL_DIR": str(tmp_path / "spool")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


INTERRUPTED = """
import signal, sys
import xray_trace as xray

@xray.step
def work(where): return where

class Ringer:
    def find_spec(self, name, *_):
        if name == "xray_trace.export.pipeline":
            signal.raise_signal(signal.SIGUSR1)

HANDLER
sys.meta_path.insert(0, Ringer())
"""


def run_interrupted(tmp_path: Path, handler: str, rest: str) -> str:
    env = {"XRAY_API_KEY": "k", "XRAY_BASE_URL": "http://127.0.0.1:9", "XRAY_SPOOL_DIR": str(tmp_path / "spool")}
    command = [sys.executable, "-c", INTERRUPTED.replace("HANDLER", handler) + rest]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert any(b"main" in path.read_bytes() for path in (tmp_path / "spool" / "events").iterdir())
    return done.stdout


def test_a_signal_handler_that_records_while_the_tracer_is_being_made_leaves_it_on_and_is_counted(
    tmp_path: Path,
) -> None:
    handler = "signal.signal(signal.SIGUSR1, lambda *_: print(work('handler')))"
    printed = run_interrupted(tmp_path, handler, "print(work('main'), sum(xray.stats().dropped.values()))")
    assert printed == "handler\nmain 1\n"


def test_what_a_signal_handler_raises_while_the_tracer_is_being_made_reaches_the_program(tmp_path: Path) -> None:
    handler = "def late(*_): raise TimeoutError('of the program')\nsignal.signal(signal.SIGUSR1, late)"
    rest = """
try:
    work("first")
except TimeoutError as error:
    print(error)
sys.meta_path.pop(0)
print(work("main"))
"""
    assert run_interrupted(tmp_path, handler, rest) == "of the program\nmain\n"

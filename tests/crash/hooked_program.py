"""Records from places where a program's own code runs in the middle of something else; tells which calls returned."""

import atexit
import gc
import logging
import os
import signal
import sys
import threading

import xray_trace as xray

MANY = 400


@xray.step(metadata=lambda bound, result: {"run": bound["label"].partition("/")[0]})
def work(label: str) -> str:
    return label


def record(label: str) -> None:
    os.write(1, f"{work(label)}\n".encode())


def from_signal_handlers(run: str) -> None:
    """Ring often, at any moment of the recording that goes on meanwhile."""
    record(f"{run}/first/0")
    rung = iter(range(MANY))

    def handler(*_: object) -> None:
        number = next(rung, None)
        if number is None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        else:
            record(f"{run}/handler/{number}")

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    number = 0
    while signal.getitimer(signal.ITIMER_REAL)[1]:
        record(f"{run}/main/{number}")
        if number % 10 == 0:
            threading.Event().wait(0.001)
        number += 1


class Garbage:
    """Records when the collector finds it, which may be at any allocation, also one of the recorder's."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.itself = self

    def __del__(self) -> None:
        record(self.label)


def from_the_garbage_collector(run: str) -> None:
    record(f"{run}/first/0")  # makes the tracer; what is recorded in the middle of that is counted as lost
    gc.set_threshold(3, 2, 2)
    for number in range(MANY):
        Garbage(f"{run}/garbage/{number}")
        record(f"{run}/main/{number}")
    gc.collect()


class RecordingHandler(logging.Handler):
    """Records a step for each line, whoever wrote it."""

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run = run

    def emit(self, line: logging.LogRecord) -> None:
        if line.name == "program":
            record(f"{self.run}/{line.getMessage()}")
        else:
            work(f"ours/{line.name}")


def from_logging_handlers(run: str) -> None:
    """Hear every line of every logger, ours in debug mode included, with handlers that record."""
    handler = RecordingHandler(run)
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])
    logging.getLogger("xray_trace").addHandler(handler)
    for number in range(MANY):
        logging.getLogger("program").info("line/%d", number)
        if number % 50 == 0:
            xray.flush(20)


def from_daemon_threads(run: str) -> None:
    """Leave threads behind that record while the program ends around them."""

    def go_on(thread: int) -> None:
        number = 0
        while True:
            record(f"{run}/{thread}/{number}")
            number += 1
            threading.Event().wait(0.0005)

    for thread in range(4):
        threading.Thread(target=go_on, args=(thread,), daemon=True).start()
    threading.Event().wait(0.2)


def from_exit_hooks(run: str) -> None:
    """Record in hooks that run before and after the recorder's own, and in a thread that outlives the main one."""
    main = threading.main_thread()

    def outlive() -> None:
        main.join()
        for number in range(MANY):
            record(f"{run}/outliving/{number}")

    atexit.register(lambda: [record(f"{run}/atexit/{number}") for number in range(MANY)])
    threading.Thread(target=outlive).start()
    record(f"{run}/main/0")


PLACES = {
    "signal": from_signal_handlers,
    "garbage": from_the_garbage_collector,
    "logging": from_logging_handlers,
    "daemon": from_daemon_threads,
    "atexit": from_exit_hooks,
}

if __name__ == "__main__":
    PLACES[sys.argv[1]](sys.argv[2])

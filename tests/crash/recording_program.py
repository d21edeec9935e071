"""Records steps of every kind until something ends it, and says on its output which calls have returned."""

import asyncio
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from random import Random

import xray_trace as xray
from tests.crash.labels import ENDS_AFTER_SECONDS, payload_of

ROOM_BYTES = 64 << 20  # of address space beyond what is used when the hoarding begins: soon gone
PACE_SECONDS, BURST = 0.01, 10  # about as many calls a second as can be counted afterwards in reasonable time
PIECE_BYTES = (4 << 10, 8 << 20)  # what is hoarded at a time: from less to more than a journal

stopping = threading.Event()
options = {"metadata": lambda bound, result: {"run": bound["label"].partition("/")[0]}}


@xray.step(**options)
def work(label: str, payload: str) -> dict[str, int]:
    return {"length": len(payload)}


@xray.step(**options)
async def work_async(label: str, payload: str) -> dict[str, int]:
    await asyncio.sleep(0)
    return {"length": len(payload)}


@xray.step(**options)
def work_around(label: str, payload: str, inner: str) -> dict[str, int]:
    return returned(inner, work(inner, payload_of(inner)))


def returned(label: str, result: dict[str, int]) -> dict[str, int]:
    """Tell that the call has returned; the line outlives the program, as the record must."""
    os.write(1, f"{label}\n".encode())
    return result


def labels(run: str, style: str) -> Iterator[str]:
    number = 0
    while not stopping.wait(PACE_SECONDS * (number % BURST == 0)):
        yield f"{run}/{style}/{number}"
        number += 1


def record_plainly(run: str) -> None:
    with xray.trace(run):
        for label in labels(run, "plain"):
            returned(label, work(label, payload_of(label)))


def record_nested(run: str) -> None:
    for label in labels(run, "outer"):
        returned(label, work_around(label, payload_of(label), label.replace("outer", "inner")))


def record_in_tasks(run: str) -> None:
    async def task(style: str) -> None:
        for label in labels(run, style):
            returned(label, await work_async(label, payload_of(label)))

    async def tasks() -> None:
        await asyncio.gather(task("task1"), task("task2"))

    asyncio.run(tasks())


def leave(chosen: Random) -> None:
    """End without any hook, at some moment of the others' work."""
    stopping.wait(chosen.uniform(0.0, ENDS_AFTER_SECONDS))
    os._exit(0)


def fill_the_disk(chosen: Random) -> None:
    """Let no file grow past some size from some moment on; end in the usual way a little later."""
    stopping.wait(chosen.uniform(0.0, ENDS_AFTER_SECONDS))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (chosen.choice([0, 4096, 100_000, 1_000_000]), hard))
    stopping.wait(chosen.uniform(0.0, ENDS_AFTER_SECONDS))
    stopping.set()


def hoard(chosen: Random) -> None:
    """Take memory until there is none, which ends the program as it would end by itself or by the system."""
    stopping.wait(chosen.uniform(0.0, ENDS_AFTER_SECONDS))
    with open("/proc/self/statm") as file:
        used_bytes = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used_bytes + ROOM_BYTES, resource.RLIM_INFINITY))
    kept: list[bytes] = []
    try:
        while True:
            kept.append(bytes(chosen.randint(*PIECE_BYTES)))
    except MemoryError:
        os.kill(os.getpid(), chosen.choice([signal.SIGTERM, signal.SIGKILL]))


FROM_INSIDE = {"exit": leave, "disk": fill_the_disk, "memory": hoard}


def main(run: str, ending: str, seed: str) -> None:
    if ending in ("handled", "memory"):  # else the signal has the system's own disposition
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if ending in FROM_INSIDE:
        threading.Thread(target=FROM_INSIDE[ending], args=(Random(seed),), daemon=True).start()
    others = [threading.Thread(target=record, args=(run,), daemon=True) for record in (record_nested, record_in_tasks)]
    for thread in others:
        thread.start()
    record_plainly(run)
    for thread in others:  # what the full disk left in memory is sent only once nobody adds to it
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])

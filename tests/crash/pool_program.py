"""Records in the workers of pools, in threads and in greenlets; tells which calls have returned."""

import os
import sys

if sys.argv[1:2] == ["gevent"]:  # before anything else, as gevent asks for
    from gevent import monkey

    monkey.patch_all()

import asyncio
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import xray_trace as xray

MANY = 300


@xray.step(metadata=lambda bound, result: {"run": bound["label"].partition("/")[0]})
def work(label: str, payload: str) -> str:
    return label


def record(label: str) -> int:
    """Record in a pool's worker, which is its process's own recorder; the line is written by that process."""
    os.write(1, f"{work(label, 'x' * (20_000 if label.endswith('0') else 100))}\n".encode())
    return os.getpid()


def record_or_leave(label: str) -> int:
    if label.endswith("77"):
        os._exit(1)
    return record(label)


def in_an_executor(run: str, method: str) -> None:
    """Use every worker, from a program that has recorded itself."""
    record(f"{run}/main/0")
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        list(pool.map(record, [f"{run}/pool/{number}" for number in range(MANY)], chunksize=5))


def in_an_executor_that_breaks(run: str, method: str) -> None:
    """Have a worker leave with `os._exit`, upon which the executor ends all others as they are."""
    record(f"{run}/main/0")
    context = multiprocessing.get_context(method)
    try:
        with ProcessPoolExecutor(3, mp_context=context) as pool:
            list(pool.map(record_or_leave, [f"{run}/pool/{number}" for number in range(MANY)]))
    except BrokenProcessPool:
        record(f"{run}/main/1")


def in_a_pool(run: str, method: str) -> None:
    """Have the workers replaced all the time, and terminated in the end."""
    record(f"{run}/main/0")
    with multiprocessing.get_context(method).Pool(3, maxtasksperchild=20) as pool:
        pool.map(record, [f"{run}/pool/{number}" for number in range(MANY)], chunksize=4)


def in_threads(run: str, method: str) -> None:
    """Record from many threads that come and go, in one trace."""
    with xray.trace("threads"), ThreadPoolExecutor(16) as pool:
        list(pool.map(xray.carry(record), [f"{run}/thread/{number}" for number in range(10 * MANY)]))


def in_greenlets(run: str, method: str) -> None:
    """Record from greenlets that take turns within a step, from the native threads beside them, and after a fork."""
    import gevent

    @xray.step(metadata=lambda bound, result: {"run": run})
    def wait(label: str) -> str:
        gevent.sleep(0.001)
        return label

    def greenlet(number: int) -> None:
        for turn in range(20):
            os.write(1, f"{wait(f'{run}/greenlet{number}/{turn}')}\n".encode())

    async def ours() -> None:
        await asyncio.sleep(0.01)

    gevent.joinall([gevent.spawn(greenlet, number) for number in range(20)], raise_error=True)
    gevent.get_hub().threadpool.spawn(record, f"{run}/native/0").get()
    xray.flush(20)
    asyncio.run(ours())  # no loop of another's runs in this thread
    child = gevent.os.fork()
    if child == 0:
        record(f"{run}/child/0")
        xray.shutdown(20)
        os._exit(0)
    os.waitpid(child, 0)
    thread = threading.Thread(target=record, args=(f"{run}/thread/0",))  # a greenlet, where threads are patched
    thread.start()
    thread.join()


PLACES = {
    "executor": in_an_executor,
    "breaks": in_an_executor_that_breaks,
    "pool": in_a_pool,
    "threads": in_threads,
    "gevent": in_greenlets,
}

if __name__ == "__main__":
    PLACES[sys.argv[1]](*sys.argv[2:])

import itertools
import os
import signal
import threading
import time

import pytest

from xray_trace.errors import QueueClosedError, SpoolFullError
from xray_trace.export.batch_queue import BatchQueue
from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.memory_storage import MemoryStorage

DESTINATION = "d" * 16
LIMIT = 100_000_000


@pytest.fixture(params=["disk", "memory"])
def storage(request, tmp_path):
    if request.param == "memory":
        yield MemoryStorage(DESTINATION, LIMIT)
        return
    storage = DiskStorage(tmp_path / "xray-sdk", DESTINATION, LIMIT)
    yield storage
    storage.release()


def drained(queue: BatchQueue) -> list[bytes]:
    found = []
    for journal in queue.collect():
        found += list(journal.payloads())
        queue.forget(journal)
        queue._storage.remove(journal.name)
    return found


def test_what_is_put_is_collected_once_and_in_order(storage):
    queue = BatchQueue(storage, lambda **_: None, 100)
    records = [b"record %d" % number for number in range(50)]
    for record in records:
        queue.put(record)
    assert drained(queue) == records
    assert drained(queue) == []


def test_the_count_wakes_once_a_journal(storage):
    rings = []
    queue = BatchQueue(storage, lambda **_: rings.append(1), 10)
    for _ in range(25):
        queue.put(b"x")
    assert len(rings) == 1
    drained(queue)
    for _ in range(10):
        queue.put(b"x")
    assert len(rings) == 2


@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_a_journal_that_is_full_before_the_count_wakes_too(storage, size):
    rings = []
    queue = BatchQueue(storage, lambda **_: rings.append(1), 100)
    for _ in range(12):
        queue.put(bytes(size))
    assert rings
    rings.clear()
    queue.collect()
    assert not rings  # what the background does is no work for the background


def test_a_record_that_finds_no_room_wakes_whoever_can_make_some(tmp_path):
    storage = MemoryStorage(DESTINATION, 1_000_000)
    rings = []
    queue = BatchQueue(storage, lambda **_: rings.append(1), 100)
    for _ in range(16):  # what finds room, and one that has a journal of its own
        queue.put(bytes(50_000))
    rings.clear()
    with pytest.raises(SpoolFullError):
        queue.put(bytes(900_000))
    assert rings


def test_records_of_any_size_are_kept_even_those_larger_than_a_journal(storage):
    queue = BatchQueue(storage, lambda **_: None, 100)
    records = [os.urandom(size) for size in (1, 400_000, 400_000, 400_000, 3_000_000, 5)]
    for record in records:
        queue.put(record)
    assert sorted(drained(queue)) == sorted(records)


def test_a_closed_queue_takes_nothing_more_and_still_gives_what_it_has(storage):
    queue = BatchQueue(storage, lambda **_: None, 100)
    queue.put(b"kept")
    queue.close()
    with pytest.raises(QueueClosedError):
        queue.put(b"refused")
    assert drained(queue) == [b"kept"]
    assert not any(name.endswith(".open") for name in storage.names())


def test_nothing_is_lost_or_doubled_while_threads_record_and_the_journals_change(storage):
    queue = BatchQueue(storage, lambda **_: None, 100)
    found: list[bytes] = []
    writers = [
        threading.Thread(target=lambda n=n: [queue.put(b"%d-%d" % (n, i)) for i in range(3000)]) for n in range(8)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        found += drained(queue)
    found += drained(queue)
    assert len(found) == 24_000
    assert set(found) == {b"%d-%d" % (n, i) for n in range(8) for i in range(3000)}


def test_rotating_ten_thousand_times_never_writes_into_a_file_of_the_program(tmp_path):
    """Threads open and close files of their own, so that descriptor numbers are used again and again."""
    storage = DiskStorage(tmp_path / "xray-sdk", DESTINATION, 3_000_000)
    queue = BatchQueue(storage, lambda **_: None, 100)
    turn = threading.Lock()
    spoiled: list[str] = []
    collected: list[int] = []
    rotations = itertools.count()

    def work(number: int) -> None:
        mine = b"only the program's own bytes %d" % number
        path = tmp_path / f"foreign-{number}"
        while next(rotations) < 10_000:
            with path.open("w+b", buffering=0) as file:
                file.write(mine)
                queue.put(b"r" * 300)
                with turn:
                    collected.append(len(drained(queue)))
                file.seek(0)
                if file.read() != mine:
                    spoiled.append(str(path))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    collected.append(len(drained(queue)))
    storage.release()
    assert spoiled == []
    assert sum(collected) == 10_000


def test_a_signal_handler_may_record_at_any_moment(storage):
    """Its record may strike in the middle of the change of journals, which it then does itself."""
    queue = BatchQueue(storage, lambda **_: None, 100)
    rung: list[int] = []
    deadline = time.monotonic() + 60

    def handler(*_: object) -> None:
        queue.put(b"from the handler " + b"h" * 200_000)
        rung.append(1)

    def ring() -> None:
        """Send the next signal a moment after the last was handled: on a busy machine they must not nest."""
        while (count := len(rung)) < 60 and time.monotonic() < deadline:
            os.kill(os.getpid(), signal.SIGUSR1)
            while len(rung) == count and time.monotonic() < deadline:
                time.sleep(0.0005)

    before = signal.signal(signal.SIGUSR1, handler)
    ringer = threading.Thread(target=ring)
    found: list[bytes] = []
    put = 0
    try:
        ringer.start()
        while ringer.is_alive():
            queue.put(b"m" * 250_000)
            put += 1
            if put % 4 == 0:
                found += [record[:1] for record in drained(queue)]
    finally:
        ringer.join()
        signal.signal(signal.SIGUSR1, before)
    found += [record[:1] for record in drained(queue)]
    assert len(rung) == 60
    assert found.count(b"m") == put
    assert found.count(b"f") == 60


@pytest.mark.usefixtures("no_garbage_collection")
def test_what_a_signal_handler_raises_reaches_the_program(storage):
    class Alarm(ValueError):
        pass

    def handler(*_: object) -> None:
        raise Alarm

    def record_for_ever() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.05)  # again, should one get lost
        try:
            while True:
                queue.put(b"m" * 10_000)
                drained(queue)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    queue = BatchQueue(storage, lambda **_: None, 100)
    before = signal.signal(signal.SIGALRM, handler)
    try:
        with pytest.raises(Alarm):
            record_for_ever()
    finally:
        signal.signal(signal.SIGALRM, before)

"""What every StorageAdapter must hold."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xray_trace.errors import FileGoneError, SpoolError, SpoolFullError
from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.fallback_storage import FallbackStorage
from xray_trace.export.memory_storage import MemoryStorage
from xray_trace.export.spool_name import BATCH, STAGED, blob_name

DESTINATION = "a" * 16
LIMIT_BYTES = 3_000_000


@pytest.fixture(params=["disk", "synced disk", "memory", "both"])
def storage(request, tmp_path):
    if request.param == "memory":
        yield MemoryStorage(DESTINATION, LIMIT_BYTES)
        return
    disk = DiskStorage(tmp_path / "xray-sdk", DESTINATION, LIMIT_BYTES, fsync=request.param == "synced disk")
    memory = MemoryStorage(DESTINATION, LIMIT_BYTES)
    yield FallbackStorage(disk, memory, lambda line: None) if request.param == "both" else disk
    disk.release()


def test_what_is_written_is_read_back_whole(storage):
    name = storage.new_name(BATCH)
    storage.write(name, b"one", b"", b"two")
    assert storage.read(name) == b"onetwo"
    assert storage.size_bytes(name) == 6
    assert storage.names() == [name]


def test_writing_again_replaces(storage):
    name = storage.new_name(BATCH)
    storage.write(name, b"long content")
    storage.write(name, b"short")
    assert storage.read(name) == b"short"
    assert storage.used_bytes == 5


def test_names_are_never_given_twice(storage):
    assert len({storage.new_name(STAGED) for _ in range(1000)}) == 1000


def test_a_name_that_is_not_there_is_an_error_of_its_own(storage):
    name = storage.new_name(BATCH)
    for action in (storage.read, storage.open, storage.size_bytes):
        with pytest.raises(FileGoneError):
            action(name)
    with pytest.raises(FileGoneError):
        storage.patch(name, b"x")
    with pytest.raises(FileGoneError):
        storage.publish(name, blob_name("x"))


def test_removing_may_be_repeated(storage):
    name = storage.new_name(BATCH)
    storage.write(name, b"x")
    storage.remove(name)
    storage.remove(name)
    assert (storage.names(), storage.used_bytes) == ([], 0)


def test_patching_changes_the_first_bytes_alone(storage):
    name = storage.new_name(STAGED)
    storage.write(name, b"0123456789")
    storage.patch(name, b"abc")
    assert storage.read(name) == b"abc3456789"


def test_a_published_file_has_both_names_until_the_old_one_goes(storage):
    name = storage.new_name(STAGED)
    storage.write(name, b"content")
    assert storage.publish(name, blob_name("id"))
    assert storage.read(name) == storage.read(blob_name("id")) == b"content"
    storage.remove(name)
    assert storage.names() == [blob_name("id")]
    assert storage.used_bytes == 7


def test_publishing_under_a_name_that_is_taken_changes_nothing(storage):
    first, second = storage.new_name(STAGED), storage.new_name(STAGED)
    storage.write(first, b"first")
    storage.write(second, b"second")
    assert storage.publish(first, blob_name("id"))
    assert not storage.publish(second, blob_name("id"))
    assert storage.read(blob_name("id")) == b"first"
    assert storage.read(second) == b"second"


def test_what_is_over_the_limit_is_refused_and_leaves_nothing(storage):
    with pytest.raises(SpoolFullError, match="max_spool_bytes"):
        storage.write(storage.new_name(BATCH), bytes(LIMIT_BYTES + 1))
    with pytest.raises(SpoolFullError):
        storage.new_journal(LIMIT_BYTES + 1)
    assert (storage.names(), storage.used_bytes) == ([], 0)


def test_what_is_synced_stays_as_it_is_whether_or_not_a_value_is_gone(storage):
    value, gone, journal = storage.new_name(STAGED), storage.new_name(STAGED), storage.new_journal(4096)
    storage.write(value, b"value")
    storage.write(gone, b"gone")
    storage.remove(gone)
    journal.write(b"record")
    journal.seal()
    storage.sync(journal.name)
    storage.sync(journal.name)
    assert storage.read(value) == b"value"
    assert storage.used_bytes == 4096 + 5


def test_a_stream_is_kept_whole_and_counted(storage):
    name = storage.new_name(STAGED)
    storage.write_stream(name, iter([b"one", b"", b"two"]))
    assert storage.read(name) == b"onetwo"
    assert (storage.names(), storage.used_bytes) == ([name], 6)


def test_a_stream_counts_while_it_grows_and_is_not_there_until_it_is_whole(storage):
    name = storage.new_name(STAGED)
    seen: list[int] = []

    def chunks():
        for _ in range(3):
            seen.append(storage.used_bytes)
            with pytest.raises(FileGoneError):
                storage.open(name)
            yield b"x" * 1000

    storage.write_stream(name, chunks())
    assert seen == [0, 1000, 2000]
    assert storage.used_bytes == 3000


def test_a_stream_that_grows_over_the_limit_is_refused_and_leaves_nothing(storage, tmp_path):
    kept = storage.new_name(BATCH)
    storage.write(kept, bytes(LIMIT_BYTES // 2))
    with pytest.raises(SpoolFullError, match="max_spool_bytes"):
        storage.write_stream(storage.new_name(STAGED), iter([bytes(100_000)] * 100))
    assert (storage.names(), storage.used_bytes) == ([kept], LIMIT_BYTES // 2)
    assert list(tmp_path.glob("xray-sdk/data/*")) == []


def test_two_streams_that_grow_at_once_share_the_limit(storage):
    first, second = storage.new_name(STAGED), storage.new_name(STAGED)
    refused: list[SpoolFullError] = []

    def chunks():
        yield bytes(LIMIT_BYTES * 2 // 3)
        try:
            storage.write_stream(second, iter([bytes(LIMIT_BYTES * 2 // 3)]))
        except SpoolFullError as error:
            refused.append(error)

    storage.write_stream(first, chunks())
    assert len(refused) == 1
    assert storage.names() == [first]


def test_a_stream_whose_making_fails_leaves_nothing_and_says_why(storage, tmp_path):
    def chunks():
        yield bytes(100_000)
        raise ZeroDivisionError("the user's own")

    with pytest.raises(ZeroDivisionError, match="the user's own"):
        storage.write_stream(storage.new_name(STAGED), chunks())
    assert (storage.names(), storage.used_bytes) == ([], 0)
    assert list(tmp_path.glob("xray-sdk/data/*")) == []


def test_a_journal_takes_records_until_it_is_full_or_sealed(storage):
    journal = storage.new_journal(4096)
    assert storage.used_bytes == 4096
    assert journal.is_empty()
    journal.write(b"x" * 4000)
    with pytest.raises(ValueError, match="out of range"):
        journal.write(b"x" * 97)
    journal.write(b"x" * 96)
    journal.seal()
    journal.seal()
    with pytest.raises(ValueError, match="out of range"):
        journal.write(b"x")
    storage.remove(journal.name)
    assert storage.used_bytes == 0


def test_a_reader_keeps_what_it_opened_when_the_name_goes(storage):
    name = storage.new_name(BATCH)
    storage.write(name, b"still here")
    with storage.open(name) as file:
        storage.remove(name)
        assert file.read() == b"still here"


def test_threads_may_write_and_remove_at_once(storage):
    failed: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(100):
                name = storage.new_name(BATCH)
                storage.write(name, b"x" * 100)
                assert storage.read(name) == b"x" * 100
                storage.remove(name)
        except (SpoolError, AssertionError) as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert (storage.names(), storage.used_bytes) == ([], 0)


def test_releasing_may_be_repeated(storage):
    storage.release()
    storage.release()


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(st.tuples(st.sampled_from(["write", "remove"]), st.integers(0, 4), st.binary(max_size=40))))
def test_the_account_is_the_sum_of_what_lies_there(storage, actions):
    names = [storage.new_name(BATCH) for _ in range(5)]
    for action, number, content in actions:
        if action == "write":
            storage.write(names[number], content)
        else:
            storage.remove(names[number])
    assert storage.used_bytes == sum(storage.size_bytes(name) for name in storage.names())
    for name in names:
        storage.remove(name)

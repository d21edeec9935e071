"""The blocks of `with`, entered from everywhere at once."""

import contextvars
import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import xray_trace as xray
from xray_trace.context import get_scope
from xray_trace.default import install
from xray_trace.testing import MemoryTracer
from xray_trace.tracer import NoopTracer


@pytest.fixture
def busy_switching() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(former)


def run_in_threads(work: Callable[[], None], number: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("busy_switching")
def test_one_spec_entered_by_many_threads_at_once_keeps_their_blocks_apart(recorder: MemoryTracer) -> None:
    spec = xray.step("shared")
    wrong: list[object] = []

    def work() -> None:
        try:
            for _ in range(300):
                with spec as outer:
                    with spec as inner:
                        wrong.extend([] if xray.current_step() is inner else ["inner"])
                    wrong.extend([] if xray.current_step() is outer else ["outer"])
                wrong.extend([] if xray.current_step() is None else ["after"])
        except BaseException as error:
            wrong.append(error)

    run_in_threads(work, 8)
    assert wrong == []
    assert len(recorder.steps) == 8 * 300 * 2


def test_a_block_entered_while_tracing_is_off_ends_no_other(recorder: MemoryTracer) -> None:
    spec = xray.step("shared")
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with spec:
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(60)
    install(NoopTracer())
    with spec as nothing:
        assert nothing.core is None
    assert xray.current_step() is None
    install(recorder)
    assert recorder.steps == []
    leave.set()
    thread.join()
    assert [step.name for step in recorder.steps] == ["shared"]


def test_a_block_left_with_another_scope_current_still_ends(recorder: MemoryTracer) -> None:
    def leave_in_the_wrong_order() -> None:
        outer, inner = xray.step("outer"), xray.step("inner")
        outer.__enter__()
        inner.__enter__()
        outer.__exit__(None, None, None)
        inner.__exit__(None, None, None)
        inner.__exit__(None, None, None)

    contextvars.copy_context().run(leave_in_the_wrong_order)
    assert sorted(str(step.name) for step in recorder.steps) == ["inner", "outer"]


def test_metadata_may_have_any_names(recorder: MemoryTracer) -> None:
    with xray.trace() as trace, xray.step("named") as step:
        xray.annotate(self=1)
        step.annotate(self=2, metadata=3)
        trace.annotate(self=4)
        trace.error(ValueError(), self=5)
        trace.success(self=6)
    assert {s.name: s.metadata for s in recorder.steps}["named"] == {"self": 2, "metadata": 3}
    assert [e["successMetadata"] for e in recorder.events if e["type"] == "trace-success"] == [{"self": 6}]


def test_a_trace_made_with_what_makes_no_sense_is_a_trace_all_the_same(recorder: MemoryTracer) -> None:
    for wrong in (5, object(), b"x"):
        recorder.create_trace(wrong, name=wrong, trace_id=wrong).success()  # type: ignore[arg-type]
    kinds = [event["type"] for event in recorder.events]
    assert kinds == ["trace-start", "trace-success"] * 3


@pytest.mark.parametrize(
    ("key", "stored"), [(5, "5"), ("lone \ud800", "lone \\ud800"), ("k" * 5000, "k" * 200), ("plain", "plain")]
)
def test_a_key_that_the_server_would_refuse_is_stored_as_one_that_it_takes(
    key: str, stored: str, recorder: MemoryTracer
) -> None:
    with xray.step("keys") as step:
        step.input(1, key=key)
        step.artifact(2, key)
    assert [artifact["key"] for artifact in recorder.steps[0].event["artifacts"]] == [stored, stored]
    assert list(recorder.steps[0].event["inputs"]) == [stored]


def test_very_many_keyword_arguments_are_one_input(recorder: MemoryTracer) -> None:
    @xray.step
    def take(first: int, **more: int) -> None:
        return None

    few, many = {f"k{i}": i for i in range(100)}, {f"k{i}": i for i in range(5000)}
    take(1, **few)
    take(1, **many)
    assert recorder.steps[0].inputs == {"first": 1, **few}
    assert recorder.steps[1].inputs == {"first": 1, "more": many}


@xray.step
def look_up(what: str) -> None: ...


def rows() -> Iterator[int]:
    with xray.step("read"):
        yield from range(3)


def test_a_block_in_a_generator_that_another_thread_ends_leaves_no_scope_there(recorder: MemoryTracer) -> None:
    with ThreadPoolExecutor(1) as pool:
        with xray.trace("first") as first:
            begun = rows()
            assert next(begun) == 0
            assert pool.submit(list, begun).result() == [1, 2]
        with xray.trace("second") as second:
            pool.submit(xray.carry(look_up), "carried").result()
            pool.submit(look_up, "alone").result()
    read, carried, alone = recorder.steps
    assert (read.trace_id, carried.trace_id) == (first.trace_id, second.trace_id)
    assert alone.trace_id not in {first.trace_id, second.trace_id}
    assert get_scope() is None


def test_a_generator_that_is_dropped_within_another_trace_leaves_that_current(recorder: MemoryTracer) -> None:
    dropped = [contextvars.copy_context().run(first_of_rows)]
    with xray.trace("other") as other:
        dropped.clear()
        gc.collect()
        look_up("after")
    assert [(step.name, step.trace_id == other.trace_id) for step in recorder.steps] == [
        ("read", False),
        ("look_up", True),
    ]


def test_a_block_that_ends_before_one_in_a_generator_within_it_puts_its_own_scope_back(recorder: MemoryTracer) -> None:
    def items() -> Iterator[int]:
        with xray.trace("item"):
            yield 1

    with xray.trace("outer"):
        begun = items()
        next(begun)
    assert get_scope() is None
    assert list(begun) == []


def test_blocks_that_other_threads_end_do_not_keep_each_other_alive(recorder: MemoryTracer) -> None:
    def begin_many(pool: ThreadPoolExecutor) -> None:
        for _ in range(50):
            begun = rows()
            next(begun)
            known.add(xray.current_step())
            pool.submit(list, begun).result()
        del begun
        gc.collect()
        assert len(known) <= 2

    known: weakref.WeakSet[Any] = weakref.WeakSet()
    with ThreadPoolExecutor(1) as pool:
        contextvars.copy_context().run(begin_many, pool)
    assert len(recorder.steps) == 50


def first_of_rows() -> Iterator[int]:
    begun = rows()
    next(begun)
    return begun

"""The public names as users write them: checked by mypy, never run."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from typing_extensions import assert_type

import xray_trace as xray

# -- a step, on every kind of callable ------------------------------------------------------------------


@xray.step
def bare(count: int, *, name: str = "x") -> list[str]:
    return [name] * count


@xray.step()
def with_empty_arguments(count: int) -> int:
    return count


@xray.step("named", metadata={"source": "catalogue"})
def named(count: int) -> int:
    return count


@xray.step(
    name="full",
    metadata=lambda bound, result: {"count": len(bound), "given": result is not None},
    capture_inputs=["count"],
    ignore=["secret"],
    capture_output=False,
    pickle=True,
)
def with_every_argument(count: int, secret: str) -> int:
    return count + len(secret)


@xray.step
async def coroutine(count: int) -> float:
    return count / 2


@xray.step("generator")
def generator(count: int) -> Iterator[int]:
    yield from range(count)


@xray.step
async def async_generator(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


class Shop:
    @xray.step
    def method(self, count: int) -> str:
        return str(count)

    @xray.step("async_method", ignore=("count",))
    async def async_method(self, count: int) -> str:
        return str(count)

    @classmethod
    @xray.step
    def class_method(cls, count: int) -> str:
        return str(count)

    @staticmethod
    @xray.step
    def static_method(count: int) -> str:
        return str(count)

    @property
    @xray.step
    def price(self) -> float:
        return 1.5


@xray.step
class Pipeline:
    def __init__(self, size: int) -> None:
        self.size = size

    def run(self, count: int) -> int:
        return self.size * count


def calls_keep_their_types() -> None:
    assert_type(bare(2, name="y"), list[str])
    assert_type(with_empty_arguments(2), int)
    assert_type(named(2), int)
    assert_type(with_every_argument(2, secret="s"), int)
    assert_type(generator(2), Iterator[int])
    assert_type(async_generator(2), AsyncIterator[int])
    assert_type(Shop().method(1), str)
    assert_type(Shop.class_method(1), str)
    assert_type(Shop.static_method(1), str)
    assert_type(Shop().price, float)
    assert_type(Pipeline(2), Pipeline)
    assert_type(Pipeline(2).run(3), int)
    as_argument: Callable[[int], int] = named
    assert_type(as_argument(1), int)


def wrong_calls_are_errors() -> None:
    bare("2")  # type: ignore[arg-type]
    bare(2, title="y")  # type: ignore[call-arg]
    named()  # type: ignore[call-arg]
    Shop().method("1")  # type: ignore[arg-type]
    Pipeline("2")  # type: ignore[arg-type]


async def coroutines_keep_their_types() -> None:
    called: Coroutine[Any, Any, float] = coroutine(2)
    assert_type(await called, float)
    assert_type(await Shop().async_method(1), str)
    async for number in async_generator(2):
        assert_type(number, int)


# -- a step and a trace as blocks -----------------------------------------------------------------------


def blocks() -> None:
    with xray.trace("competitor-discovery", metadata={"useCase": "test"}, sample_rate=0.5) as trace:
        assert_type(trace, xray.Trace)
        with xray.step("rank", metadata={"model": "v3"}) as rank:
            assert_type(rank, xray.Step)
            assert_type(rank.input([1, 2], key="candidates"), list[int])
            assert_type(rank.output("best"), str)
            assert_type(rank.artifact(b"bytes", key="raw", type="input", metadata={"page": 1}), str)
            rank.annotate(count=2)
        trace.annotate(selectedId="P0001")
        trace.success(reason="found")
        trace.failure(reason="too late")


async def async_blocks() -> None:
    async with xray.trace("run") as trace, xray.step("part") as part:
        assert_type(trace, xray.Trace)
        assert_type(part, xray.Step)


# -- a trace as a decorator -----------------------------------------------------------------------------


@xray.trace
def whole_run(count: int) -> int:
    return count


@xray.trace("named-run", metadata={"useCase": "test"}, sample_rate=0.1)
async def async_run(count: int) -> int:
    return count


async def traced_functions_keep_their_types() -> None:
    assert_type(whole_run(1), int)
    assert_type(await async_run(1), int)
    whole_run("1")  # type: ignore[arg-type]


# -- the other names ------------------------------------------------------------------------------------


def from_inside_a_step() -> None:
    xray.annotate(candidateCount=3)
    assert_type(xray.artifact({"a": 1}, "page", type="output", metadata={"size": 1}), str)
    xray.error(ValueError("no"), attempt=1)
    assert_type(xray.current_trace(), xray.Trace | None)
    assert_type(xray.current_step(), xray.Step | None)


def for_the_program() -> None:
    assert_type(xray.configure(api_key="k", batch_interval_seconds=1.0), xray.Tracer)
    result = xray.flush(timeout_seconds=1.0)
    assert_type(result, xray.FlushResult)
    assert_type(result.pending, int)
    assert_type(result.dropped, Mapping[str, int])
    assert_type(xray.shutdown(timeout_seconds=1.0), xray.FlushResult)
    assert_type(xray.stats().recorded, int)


def in_a_thread() -> None:
    with ThreadPoolExecutor() as executor:
        assert_type(executor.submit(xray.carry(named), 1).result(), int)
    assert_type(asyncio.run(xray.carry(coroutine)(1)), float)


def over_processes() -> None:
    assert_type(xray.inject({"Accept": "*/*"}), dict[str, str])
    with xray.continue_trace({"traceparent": "00-a"}, name="request", metadata={"service": "shop"}) as trace:
        assert_type(trace, xray.Trace)


async def over_processes_in_a_coroutine() -> None:
    async with xray.continue_trace([(b"xray-context", b"trace=a")]) as trace:
        assert_type(trace, xray.Trace)


def explicitly(tracer: xray.BaseTracer) -> None:
    trace = tracer.create_trace({"useCase": "test"})
    data_id = trace.data({"rows": 3}, "table", {"sheet": 1})
    assert_type(data_id, str)
    trace.step("read", 1, artifacts=[{"dataId": data_id, "type": "output"}], metadata={"rows": 3})
    trace.capture("write", [{"data": [1], "key": "rows", "type": "input"}], {"rows": 1})
    trace.error(ValueError("no"))
    trace.success()
    assert_type(xray.Tracer(api_key="k").flush(1.0), xray.FlushResult)

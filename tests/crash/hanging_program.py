"""Hangs in a step of the given kind, below another step, for as long as it is let; made to be killed."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator

import xray_trace as xray

SECONDS = 120.0  # longer than the test waits


@xray.step("hang")
def hang(run: str, context: dict[str, int], text: str) -> None:
    xray.annotate(run=run)
    time.sleep(SECONDS)


@xray.step("hang")
async def hang_async(run: str, context: dict[str, int], text: str) -> None:
    xray.annotate(run=run)
    await asyncio.sleep(SECONDS)


@xray.step("hang")
def generate(run: str, context: dict[str, int], text: str) -> Iterator[int]:
    xray.annotate(run=run)
    yield 1
    time.sleep(SECONDS)


@xray.step("hang")
async def generate_async(run: str, context: dict[str, int], text: str) -> AsyncIterator[int]:
    xray.annotate(run=run)
    yield 1
    await asyncio.sleep(SECONDS)


def in_a_block(run: str, context: dict[str, int], text: str) -> None:
    with xray.step("hang") as step:
        step.input(run, "run")
        step.input(context, "context")
        step.input(text, "text")
        step.annotate(run=run)
        time.sleep(SECONDS)


async def consume(items: AsyncIterator[int]) -> None:
    async for _ in items:
        pass


def main(kind: str, ending: str, run: str) -> None:
    if ending == "exit":  # at the test's word, which comes as a signal
        signal.signal(signal.SIGUSR1, lambda *_: os._exit(1))
    arguments = (run, {"a": 1}, "x" * 30_000)
    with xray.trace(run), xray.step("outer", metadata={"run": run}):
        for name in ("first", "second"):
            with xray.step(name, metadata={"run": run}):
                pass
        if kind == "sync":
            hang(*arguments)
        elif kind == "block":
            in_a_block(*arguments)
        elif kind == "thread":
            thread = threading.Thread(target=xray.carry(hang), args=arguments)
            thread.start()
            thread.join()
        elif kind == "async":
            asyncio.run(hang_async(*arguments))
        elif kind == "generator":
            list(generate(*arguments))
        else:
            asyncio.run(consume(generate_async(*arguments)))


main(*sys.argv[1:])

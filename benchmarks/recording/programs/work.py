"""The functions whose calls are recorded, and what they are called with."""

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["WORKS", "Work"]

Arguments = list[tuple[Any, ...]]


class Work(NamedTuple):
    """A function, and what makes the arguments of so many calls."""

    function: Callable[..., Any]
    arguments: Callable[[int], Arguments]


# All functions have one name: the sink counts spans by it.


def _small() -> Callable[..., Any]:
    def measured_call(title: str, number: int) -> dict[str, object]:
        return {"id": number, "score": 0.5}

    return measured_call


def _same() -> Callable[..., Any]:
    def measured_call(value: object) -> object:
        return value

    return measured_call


def _nothing() -> Callable[..., Any]:
    def measured_call() -> None:
        pass

    return measured_call


def _nothing_async() -> Callable[..., Any]:
    async def measured_call() -> None:
        pass

    return measured_call


def _titles(calls: int) -> Arguments:
    return [("Steel bottle, 750 ml", number) for number in range(calls)]


def _lists(calls: int) -> Arguments:
    """Return lists of 1,000 small dicts, 52 KB of JSON each, no two alike."""
    return [
        ([{"id": n, "name": f"product-{n:05}", "price": 2.5, "run": call} for n in range(1000)],)
        for call in range(calls)
    ]


def _texts(calls: int) -> Arguments:
    """Return texts of 1 MB, no two alike."""
    return [(f"{call:10}".ljust(1_000_000, "x"),) for call in range(calls)]


def _none(calls: int) -> Arguments:
    return [()] * calls


WORKS = {
    "small": Work(_small(), _titles),
    "dicts": Work(_same(), _lists),
    "text": Work(_same(), _texts),
    "nothing": Work(_nothing(), _none),
    "async": Work(_nothing_async(), _none),
}

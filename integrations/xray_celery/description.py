"""What is told of a message and of a run: metadata, and arguments by their names."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from xray_celery.message_headers import HEADER_GROUP
from xray_trace.instrumentation import ArgumentBinder, Step

__all__ = ["attach_arguments", "describe"]

_NAMES = (
    ("task", "task"),
    ("task_id", "id"),
    ("root_id", "root_id"),
    ("parent_id", "parent_id"),
    ("group_id", "group"),
    ("group_index", "group_index"),
    ("header_group_id", HEADER_GROUP),
    ("retries", "retries"),
    ("eta", "eta"),
    ("expires", "expires"),
    ("worker", "hostname"),
)
_binders: WeakKeyDictionary[Any, ArgumentBinder] = WeakKeyDictionary()


def describe(fields: Mapping[str, Any], **more: object) -> dict[str, object]:
    """Return what goes under `celery` into the metadata, of a message's headers or a request's fields."""
    described = {name: value for name, field in _NAMES if (value := fields.get(field)) is not None}
    described.update(more)
    return described


def attach_arguments(step: Step, task: Any, args: Any, kwargs: Any) -> None:
    """Attach each argument as an input by its name; where the task does not tell it, those without one as one."""
    for key, value in _named(task, tuple(args or ()), dict(kwargs or {})):
        step.input(value, key)


def _named(task: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterable[tuple[str, object]]:
    binder = None if task is None else _binder(task)
    if binder is not None:
        return binder.pairs(args, kwargs)
    return [*([("args", list(args))] if args else []), *kwargs.items()]


def _binder(task: Any) -> ArgumentBinder | None:
    binder = _binders.get(task)
    if binder is None:
        try:
            binder = _binders[task] = ArgumentBinder(inspect.signature(task.run))
        except (TypeError, ValueError):  # it tells none, as what is written in C may
            return None
    return binder

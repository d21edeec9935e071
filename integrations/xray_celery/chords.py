"""What a message has to do with a group of tasks, and with the chord that waits for one."""

from collections.abc import Mapping, Sequence
from typing import Any

from celery._state import get_current_task

__all__ = ["CHORD_UNLOCK", "header_group", "shared_group"]

CHORD_UNLOCK = "celery.chord_unlock"
"""Celery's own task that asks every second whether a chord's body may run, where the result store cannot tell."""


def shared_group(name: str, fields: Mapping[str, Any], args: Sequence[Any], rest: Mapping[str, Any]) -> object:
    """Return the group that shares one trace with this message, where it is published outside any: the outermost.

    `rest` is what the message says of what comes next. The last task of a chain is in the group that the chain is in,
    and a chord's body in the group that the chord is in.
    """
    if name == CHORD_UNLOCK:
        group_id, following = args[:2]
    else:
        group_id, following = fields.get("group"), _following({}, rest)
    while following:
        options = following.get("options") or {}
        group_id, following = options.get("group_id") or group_id, _following(following, options)
    return group_id


def _following(signature: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Return what is later in the same group, or in the one around it; of several, any that tells the group."""
    if options.get("chain"):
        return options["chain"][0]  # the last one: a chain is kept from its end
    kind, parts = signature.get("subtask_type"), signature.get("kwargs") or {}
    if kind == "chord":
        return parts.get("body")
    if kind in {"chain", "group"} and parts.get("tasks"):
        return parts["tasks"][-1]
    return options.get("chord")


def header_group(task_id: object) -> object:
    """Return the group whose results a task is given, if the current task publishes it as the body of a chord.

    It is the group's last task to end, or `CHORD_UNLOCK`.
    """
    task = get_current_task()
    if task is None:
        return None
    request = task.request
    if task.name == CHORD_UNLOCK:
        group_id, body = request.args[:2]
    else:
        group_id, body = request.group, request.chord
    return group_id if body and (body.get("options") or {}).get("task_id") == task_id else None

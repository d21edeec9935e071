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
        group_id, chord = args[:2]
    else:
        last = (rest.get("chain") or [{}])[0].get("options") or {}
        group_id = fields.get("group") or last.get("group_id")
        chord = rest.get("chord") or last.get("chord")
    while chord:
        options = chord.get("options") or {}
        group_id, chord = options.get("group_id") or group_id, options.get("chord")
    return group_id


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

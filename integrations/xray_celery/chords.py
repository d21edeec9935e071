"""What a message has to do with a group of tasks, and with the chord that waits for one."""

from collections.abc import Mapping, Sequence
from typing import Any

from celery import current_task

__all__ = ["CHORD_UNLOCK", "header_group", "shared_group"]

CHORD_UNLOCK = "celery.chord_unlock"
"""Celery's own task that asks every second whether a chord's body may run, where the result store cannot tell."""


def shared_group(name: str, fields: Mapping[str, Any], args: Sequence[Any]) -> Any:
    """Return the group that shares one trace with this message, where it is published outside any."""
    return args[0] if name == CHORD_UNLOCK and args else fields.get("group")


def header_group(task_id: object) -> object:
    """Return the group whose results a task is given, if the current task publishes it as the body of a chord.

    It is the group's last task to end, or `CHORD_UNLOCK`.
    """
    if not current_task:
        return None
    request = current_task.request
    if current_task.name == CHORD_UNLOCK:
        group_id, body = request.args[:2]
    else:
        group_id, body = request.group, request.chord
    return group_id if body and (body.get("options") or {}).get("task_id") == task_id else None

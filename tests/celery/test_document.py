"""What `docs/celery.md` shows is so, with a worker that runs the page's own code."""

import re
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
import xray_celery
from celery import current_app

import xray_trace as xray
from tests.celery.conftest import Place
from tests.celery.worker import CeleryProcess
from tests.crash.delivery import ROOT

DOCUMENT = (ROOT / "docs/celery.md").read_text(encoding="utf-8")
SHOWN, USED, LEFT_OUT = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
AROUND = """
import xray_trace as xray

@xray.step
def look_up(city):
    return ["Rain", "wind"]

attempts = []

def post(letter, address):
    attempts.append(address)
    if len(attempts) == 1:
        raise ConnectionError("busy")
    return letter
"""


@pytest.fixture(scope="module")  # Celery gives the tasks to each later app of this process, and warns of a second such
def shown(place: Place) -> Iterator[dict[str, Any]]:
    source = AROUND + SHOWN.replace("redis://localhost", place.redis.url)
    module = place.folder / "letters.py"
    module.write_text(source)
    former = current_app._get_current_object()
    names = types.ModuleType("letters")
    sys.modules["letters"] = names
    exec(source, vars(names))
    yield vars(names)
    names.app.close()
    former.set_current()
    del sys.modules["letters"]


def test_the_trace_holds_what_the_page_says(place: Place, shown: dict[str, Any]) -> None:
    arguments = ("worker", "-n", "letters@test", "-P", "solo", "--without-mingle", "--without-gossip")
    worker = CeleryProcess(place.folder, place.variables, *arguments, app="letters")
    with worker:
        exec(USED, shown)
        [trace] = place.wait(lambda: place.reader.traces_where({"name": "advice"}))
        steps = place.steps({"traceId": trace["traceId"]}, 7)
    names = {step["stepId"]: step["stepName"] for step in steps}
    assert [(names.get(step.get("parentStepId")), step["stepName"]) for step in steps] == [
        (None, "publish letters.write"),
        ("publish letters.write", "letters.write"),
        ("letters.write", "look_up"),
        ("letters.write", "publish letters.send"),
        ("publish letters.send", "letters.send"),
        ("letters.send", "publish letters.send"),
        ("publish letters.send", "letters.send"),
    ]
    assert steps[-1]["output"]["value"] == "Rain and wind"


def test_what_is_left_out_is_left_out(place: Place, shown: dict[str, Any]) -> None:
    exec(LEFT_OUT, {**shown, "xray_celery": xray_celery})
    with xray.trace("advice") as began:
        shown["app"].send_task("letters.heartbeat")
        published = shown["write"].delay("Oslo")
    [step] = place.steps({"traceId": began.trace_id}, 1)
    assert step["metadata"]["celery"]["task_id"] == published.id
    assert step.get("inputs") in (None, {})

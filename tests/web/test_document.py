"""What `docs/web.md` shows is so."""

import re
from typing import Any

from fastapi.testclient import TestClient

import xray_trace as xray
from tests.examples.conftest import ROOT
from tests.web.serving import served_wsgi, within
from xray_trace.testing import MemoryTracer

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/web.md").read_text(encoding="utf-8"), re.DOTALL)


@xray.step
def look_up(city: str) -> list[str]:
    return {"Oslo": ["Rain"]}.get(city, [])


def shown() -> dict[str, Any]:
    names: dict[str, Any] = {"look_up": look_up}
    for block in BLOCKS:
        exec(block, names)
    return names


def test_both_kinds_of_application_record_a_request_and_the_step_below_it(recorder: MemoryTracer) -> None:
    names = shown()
    assert names["app"].test_client().get("/advice/Oslo").json == ["Rain"]
    assert TestClient(names["api"]).get("/advice/Lima").json() == []
    inner = [step for step in recorder.steps if step.name == "look_up"]
    outer = [step for step in recorder.steps if step.name != "look_up"]
    assert [step.name for step in outer] == ["GET /advice/<city>", "GET /advice/{city}"]
    assert [within(recorder, step) for step in outer] == [[inner[0]], [inner[1]]]


def test_a_caller_and_the_service_that_trusts_it_are_in_one_trace(recorder: MemoryTracer) -> None:
    names = shown()
    with served_wsgi(names["stock"]) as names["SHOP"], xray.trace("caller"):
        assert names["ask_shop"]("Oslo") == ["Rain"]
    assert len({step.trace_id for step in recorder.steps}) == 1
    [ask] = [step for step in recorder.steps if step.name == "ask_shop"]
    assert len(within(recorder, ask)) == 1


def test_a_message_is_handled_in_the_trace_that_its_headers_name(recorder: MemoryTracer) -> None:
    with xray.trace("caller") as caller:
        headers = xray.inject({})
    assert shown()["handle"]({"headers": headers, "city": "Oslo"}) == ["Rain"]
    assert recorder.steps[-1].trace_id == caller.trace_id

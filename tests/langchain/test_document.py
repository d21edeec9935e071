"""What `docs/langchain.md` says is so."""

import re
from typing import Any

import pytest
from xray_langchain import open_runs

from tests.examples.conftest import ROOT
from tests.langchain.told import of, paths
from xray_trace.testing import MemoryTracer

DOCUMENT = (ROOT / "docs/langchain.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
LINKS = sorted(set(re.findall(r"\]\(([^)#:]+)", DOCUMENT)))


def test_the_code_records_what_the_document_says(recorder: MemoryTracer) -> None:
    names: dict[str, Any] = {}
    installing, passing, nesting, leaving_out = BLOCKS
    for block in (installing, passing, nesting):
        exec(block, names)
    assert sorted(paths(recorder)) == ["shout", "weather", "weather/look_up"]
    assert of(recorder, "weather").metadata["source"] == "almanac"
    before = len(recorder.steps)
    exec(leaving_out.splitlines()[0], names)
    names["shout"].invoke("hello")
    left = recorder.steps[before]
    assert (left.name, left.inputs, left.output) == ("shout", {}, None)
    exec(leaving_out.splitlines()[1], names)
    (names["shout"] | names["shout"]).invoke("hello")
    pieces = recorder.steps[before + 1 :]
    assert [step.name for step in pieces] == ["shout", "shout"]
    assert pieces[0].trace_id != pieces[1].trace_id


def test_the_bound_that_it_names_is_the_one_that_holds() -> None:
    assert f"over {open_runs.MOST_ROOTS:,} runs" in DOCUMENT


@pytest.mark.parametrize("link", LINKS)
def test_each_link_leads_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()

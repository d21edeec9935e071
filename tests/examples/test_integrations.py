"""`make demo-langchain` and `make demo-celery`, as a stranger runs them."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.examples.conftest import ROOT, Home

Finder = Callable[[Path], list[str]]


def test_the_agents_runs_without_weather_are_found_and_one_is_shown(home: Home, processes_naming: Finder) -> None:
    shown = home.run("examples/langchain_agent.py")

    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    assert "Lima and Quito: the model answered all the same" in shown.stdout
    assert re.search(r"look_up_weather +\d+\.\d ms\n.*→ city str.*\n.*← return list\[0\] \[\]", shown.stdout)
    assert processes_naming(home.temporary) == []
    assert list(home.temporary.glob("xray*")) == []


def test_a_request_an_agent_and_two_tasks_are_one_trace_with_its_steps_in_order(
    home: Home, processes_naming: Finder
) -> None:
    shown = home.run("-m", "celery_pipeline", PYTHONPATH=f"{ROOT}:{ROOT / 'examples'}")

    assert shown.returncode == 0, shown.stdout + shown.stderr
    steps = re.findall(r"^([ │├└─]*)(\d+) (\S.*?)  +\d+\.\d ms$", shown.stdout, re.MULTILINE)
    assert [int(number) for _, number, _ in steps] == list(range(1, len(steps) + 1))
    depth = {name.replace("celery_pipeline.tasks.", ""): len(indent) // 4 for indent, _, name in steps}
    assert list(depth) == [
        "GET /advice/{city}",
        "weather agent",
        "model",
        "StandIn",
        "tools_condition",
        "tools",
        "look_up_weather",
        "publish write_letter",
        "write_letter",
        "find_salutation",
        "publish send_letter",
        "send_letter",
    ]
    assert depth["GET /advice/{city}"] < depth["weather agent"] < depth["tools"] < depth["look_up_weather"]
    assert depth["GET /advice/{city}"] < depth["publish write_letter"] < depth["write_letter"]
    assert depth["write_letter"] < depth["publish send_letter"] < depth["send_letter"]
    assert "← return dict[2]" in shown.stdout
    assert processes_naming(home.temporary) == []

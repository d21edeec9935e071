"""What the README says is so."""

import re
import subprocess
from pathlib import Path

import pytest
import xray_celery
import xray_langchain
from fastapi import FastAPI
from fastapi.testclient import TestClient

from examples.reader import Reader
from examples.weather_agent import advise
from tests.examples.conftest import ROOT, Home
from tests.recorder import recorder
from xray_trace.testing import MemoryTracer

__all__ = ["recorder"]

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"\bmake ([a-z-]+)\b", README)))
LINKS = sorted(set(re.findall(r"\]\(([^)#:]+)\)", README)))


def code_block(language: str, number: int = 0) -> str:
    return str(re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[number])


def test_the_code_records_what_the_readme_says_and_its_query_finds_it(home: Home, reader: Reader) -> None:
    program = home.folder / "advice.py"
    program.write_text(code_block("python"))

    shown = home.run(str(program))

    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")
    (step,) = reader.steps_where({"inputs.context.length": 0})
    assert step["stepName"] == "advise"
    assert step["inputs"]["city"]["value"] == "Lima"
    assert step["output"]["value"] == "Enjoy your day."
    assert {trace["metadata"]["city"] for trace in reader.traces_where({"status": "success"})} == {"Oslo", "Lima"}


def test_the_three_lines_for_frameworks_record_a_request_to_an_agent_as_one_trace(
    recorder: MemoryTracer,
) -> None:
    api = FastAPI()
    api.get("/advice/{city}")(lambda city: {"advice": advise(city)})
    try:
        exec(code_block("python", 1), {"api": api})
        assert TestClient(api).get("/advice/Lima").json() == {"advice": "Enjoy your day."}
    finally:
        xray_celery.uninstall()
        xray_langchain.uninstall()
    names = {step.name for step in recorder.steps}
    assert {"GET /advice/{city}", "weather agent", "look_up_weather"} <= names
    assert len({step.trace_id for step in recorder.steps}) == 1


def test_the_query_that_the_readme_shows_is_the_one_that_was_tested() -> None:
    assert '{"filter": {"inputs.context.length": 0}}' in code_block("http")


def test_the_code_is_about_twelve_lines() -> None:
    assert len([line for line in code_block("python").splitlines() if line.strip()]) <= 12


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_exists(command: str) -> None:
    planned = subprocess.run(["make", "--dry-run", command], cwd=ROOT, capture_output=True, text=True)
    assert planned.returncode == 0, planned.stderr


def test_the_two_commands_that_matter_are_named() -> None:
    assert {"demo", "test", "up", "check"} <= set(COMMANDS)


@pytest.mark.parametrize("link", LINKS)
def test_each_link_leads_somewhere(link: str) -> None:
    assert Path(ROOT / link).exists()

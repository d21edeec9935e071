"""The documents name what there is, no more and no less."""

import re
from dataclasses import fields

import pytest

from tests.examples.conftest import ROOT
from xray_trace.config import Config

SDK, _, SERVER = (ROOT / "docs/settings.md").read_text(encoding="utf-8").partition("\n## The server\n")
SERVER_SOURCE = (ROOT / "xray_backend/config.py").read_text(encoding="utf-8")
DEPENDENCIES = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
REQUIRED = sorted(
    set(re.findall(r'^    "([a-z0-9-]+)(?:\[.*?\])?>=', (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
)
OPTIONS = sorted({field.name for field in fields(Config)} - {"warnings"})


def variables(text: str) -> set[str]:
    return set(re.findall(r"\bXRAY_[A-Z_]+\b", text))


@pytest.mark.parametrize("option", OPTIONS)
def test_each_option_of_the_sdk_has_a_row_with_its_variable(option: str) -> None:
    assert re.search(rf"^\| `{option}` \| `XRAY_{option.upper()}` \|", SDK, re.MULTILINE)


def test_no_variable_of_the_sdk_is_made_up() -> None:
    assert variables(SDK) == {f"XRAY_{option.upper()}" for option in OPTIONS}


def test_the_variables_of_the_server_are_those_that_it_reads() -> None:
    assert variables(SERVER) == variables(SERVER_SOURCE)


def test_the_names_that_are_masked_are_listed() -> None:
    listed = SDK[SDK.index("Masked by default") :]
    default = Config().redact
    assert isinstance(default, tuple)
    assert [name for name in default if f"`{name}`" not in listed] == []


@pytest.mark.parametrize("package", REQUIRED)
def test_each_dependency_has_a_reason(package: str) -> None:
    assert re.search(rf"^\|.*`{package}`.*\| .+", DEPENDENCIES, re.MULTILINE)


def test_the_dependencies_are_found_in_the_project_file() -> None:
    assert {"wrapt", "flask", "pytest"} <= set(REQUIRED)

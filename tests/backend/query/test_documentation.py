"""What docs/query.md says of the language is so."""

import json
import re
from pathlib import Path

import pytest

from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.path import STORED_FIELDS

PAGE = (Path(__file__).parents[3] / "docs" / "query.md").read_text()
EXAMPLES = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_documentation_is_taken(example):
    parse_filter(json.loads(example), "steps", QueryLimits())


@pytest.mark.parametrize("collection", ["steps", "traces"])
def test_the_documentation_names_every_stored_field(collection):
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {collection} |"))
    assert tuple(re.findall(r"`(\w+)`", row)) == STORED_FIELDS[collection]

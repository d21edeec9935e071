"""The pipeline of the demo, by itself."""

import csv
import io
import json

import pytest

from examples import make_catalogue
from tests.examples.conftest import Home

WITH_AND_WITHOUT_THE_FAULT = """
import asyncio, json, sys
sys.path.insert(0, "examples")
from competitor_discovery import Catalogue, MarketNotes, discover

class CompleteNotes(MarketNotes):
    def look_up(self, category):
        return super().look_up(category.replace("&", "and"))

async def answers(notes):
    catalogue = Catalogue()
    return [(await discover(title, "Home & Garden", catalogue, notes)).title for title in sys.argv[1:]]

print(json.dumps([asyncio.run(answers(MarketNotes())), asyncio.run(answers(CompleteNotes()))]))
"""


@pytest.mark.parametrize("switch", ["0", "1"])
def test_the_pipeline_runs_by_itself_with_and_without_tracing(home: Home, switch: str) -> None:
    shown = home.run("examples/competitor_discovery.py", "Steel bottle", "Outdoor", XRAY_ENABLED=switch)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("Ivory Insulated Steel Bottle (P0003), ")


def test_a_product_without_competitors_is_a_sentence_and_status_1(home: Home) -> None:
    shown = home.run("examples/competitor_discovery.py", "Carbon kayak", "Outdoor")
    assert shown.returncode == 1
    assert shown.stdout == "Nothing in the catalogue competes with 'Carbon kayak' in Outdoor.\n"


def test_the_planted_fault_makes_some_answers_worse_and_none_fail(home: Home) -> None:
    products = ["Rubber hose", "Terracotta planter", "Coir doormat"]
    shown = home.run("-c", WITH_AND_WITHOUT_THE_FAULT, *products, XRAY_ENABLED="0")
    faulty, complete = json.loads(shown.stdout)
    assert len(faulty) == len(complete) == len(products)
    assert faulty != complete
    assert "Kink-Free" in complete[0]
    assert "Kink-Free" not in faulty[0]


def test_the_catalogue_that_ships_is_the_one_that_its_script_writes() -> None:
    written = io.StringIO()
    make_catalogue.write(written)
    assert written.getvalue() == make_catalogue.CATALOGUE_PATH.read_text(encoding="utf-8")


def test_the_catalogue_has_a_few_hundred_products_in_every_category() -> None:
    with make_catalogue.CATALOGUE_PATH.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len({row["product_id"] for row in rows}) == 450
    assert {row["category"] for row in rows} == set(make_catalogue.KINDS)

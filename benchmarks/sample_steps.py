"""Steps as a pipeline would record them: twenty fields of metadata, five of them nested, from a fixed seed."""

import random
import uuid
from collections.abc import Iterator

__all__ = ["COUNTRIES", "FIRST_MS", "make_steps"]

FIRST_MS = 1_768_150_000_000
COUNTRIES = ("de", "fr", "gb", "in", "it", "jp", "nl", "pl", "se", "us")
CATEGORIES = ("Outdoor", "Kitchen", "Garden", "Office", "Sport", "Toys", "Audio", "Travel")
STEP_NAMES = ("generate_keywords", "search_products", "filter_candidates", "rank", "select")
STEPS_OF_A_TRACE = len(STEP_NAMES)


def make_steps(count: int, seed: int) -> Iterator[dict[str, object]]:
    """Yield `step` events a second apart, five to a trace."""
    chance = random.Random(seed)
    trace_id = ""
    for number in range(count):
        if number % STEPS_OF_A_TRACE == 0:
            trace_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        place = number % STEPS_OF_A_TRACE
        step_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        yield {
            "type": "step",
            "stepId": step_id,
            "traceId": trace_id,
            "stepName": STEP_NAMES[place],
            "stepNumber": place + 1,
            "timestamp": FIRST_MS + number * 1000,
            "artifacts": [
                {"dataId": f"{step_id}-in", "type": "input", "key": "products"},
                {"dataId": f"{step_id}-out", "type": "output", "key": "return"},
            ],
            "metadata": _metadata(chance, number, count),
        }


def _metadata(chance: random.Random, number: int, count: int) -> dict[str, object]:
    filtered = chance.randint(0, 500)
    return {
        "category": chance.choice(CATEGORIES),
        "country": chance.choice(COUNTRIES),
        "customer": f"customer-{chance.randint(1, 50_000):05}",
        "model": chance.choice(("v1", "v2", "v3")),
        "score": chance.random(),
        "inputCount": 500,
        "filteredCount": filtered,
        "filteredPercentage": f"{filtered / 5:.1f}%",
        "rankedCount": chance.randint(1, 50),
        "cached": chance.random() < 0.3,
        "attempt": chance.choice((1, 1, 1, 2, 3)),
        "selectedId": f"B{chance.getrandbits(40):010X}",
        "selectedTitle": f"Insulated bottle {chance.randint(1, 2000)} with lid and carrying loop",
        "tags": chance.sample(CATEGORIES, 3),
        # The first hundredth of all rows, which a query for the newest meets last.
        "era": "first" if number < count // 100 else "later",
        "filters": {
            "priceRange": {"min": chance.randint(1, 20), "max": chance.randint(21, 90)},
            "minRating": chance.choice((3.5, 4.0, 4.5)),
            "minReviews": chance.randint(0, 1000),
        },
        "host": {"name": f"worker-{chance.randint(1, 40)}", "region": chance.choice(("eu-1", "eu-2", "us-1"))},
        "usage": {"promptTokens": chance.randint(100, 9000), "completionTokens": chance.randint(1, 900)},
        "timing": {"queueMs": chance.random() * 50, "networkMs": chance.random() * 200},
        # Five rows in a hundred thousand have the rare outcome.
        "outcome": {"code": "timeout" if number % 20_000 == 777 else "ok", "retries": chance.randint(0, 3)},
    }

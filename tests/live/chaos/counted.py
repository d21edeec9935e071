"""What the servers count, of which a process that is killed takes its share along."""

import time
from collections import Counter

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.backend import BackendProcess
from tests.servers.programs import Programs

__all__ = ["Counted", "scraped"]

ANSWER_SECONDS = 30.0
STORED_SECONDS = 60.0
LOOK_SECONDS = 0.1
OUTCOMES = "xray_store_documents_total"  # the one whose labels matter here; of the others the sum over them does
COUNTS = ("_total", "_events_sum")


class Counted:
    """Adds up over all APIs and consumers, those that ended included."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._ended: Counter[str] = Counter()

    def keep(self, process: BackendProcess) -> None:
        """Keep what a process counted, which is about to end; what it counts from now on is lost."""
        self._ended.update(scraped(process))

    def wait_until_stored(self) -> None:
        """Return once the first step has gone all the way."""
        deadline = time.monotonic() + STORED_SECONDS
        while not self.now()["new"]:
            assert time.monotonic() < deadline, "nothing is stored of what is recorded"
            time.sleep(LOOK_SECONDS)

    def now(self) -> "Counter[str]":
        """Return at least what was counted until now; all of it where nothing ended."""
        found = Counter(self._ended)
        for process in (*self._programs.apis, *self._programs.consumers):
            found.update(scraped(process))
        return found


def scraped(process: BackendProcess) -> "Counter[str]":
    """Return what one process counts, by metric, and by outcome for documents."""
    text = requests.get(f"{process.url}/metrics", timeout=ANSWER_SECONDS).text
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.endswith(COUNTS):
                name = sample.labels["outcome"] if sample.name == OUTCOMES else sample.name
                found[name] += int(sample.value)
    return found

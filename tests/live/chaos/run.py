"""Programs record, first while one thing after another goes wrong, and then for a moment in peace."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from tests.live.chaos.deletions import Deletions
from tests.live.chaos.faults import Fault
from tests.live.chaos.queue import Queue
from tests.live.chaos.recording import Recording
from tests.live.chaos.stage import GROUP, Stage
from tests.live.chaos.stored import Stored
from tests.live.chaos.sums import Span, wrong_sum_of_new, wrong_sums, wrong_sums_of_calm
from tests.live.chaos.verdict import faults

__all__ = ["Run"]

CALM_SECONDS = 2.0


class Run:
    """One program a project, and somebody who deletes some of what it records."""

    def __init__(self, stage: Stage, name: str, folder: Path, pace_seconds: float) -> None:
        self._stage = stage
        self._deletions = Deletions(stage.persons)
        environments = [stage.sdk(person) for person in stage.persons]
        self._recording = Recording(name, folder, environments, pace_seconds, self._deletions.hear_step)
        self._counted: Counter[str] = Counter()

    def wrong(self, sequence: Iterable[Fault]) -> list[str]:
        """Let it all happen, and tell what is not as it must be."""
        with self._deletions, self._recording:
            self._recording.begin()
            self._stage.counted.wait_until_stored()
            for fault in sequence:
                print(fault.run(self._stage))
            with closing(Queue(self._stage.kafka.servers, "xray-events", GROUP)) as queue:
                faulty = self._rest(queue, "while things went wrong")
                self._recording.begin()
                time.sleep(CALM_SECONDS)
                calm = self._rest(queue, "while nothing went wrong")
                dead = queue.dead()
        found = [*wrong_sums(faulty), *wrong_sums(calm), *wrong_sums_of_calm(calm)]
        if not faulty.counted["deleted"]:
            found.append("no event that came after its trace was deleted is counted as left out")
        found += [f"this was set aside as a dead letter: {headers}" for headers in dead]
        return found + list(self._wrong_in_store(faulty, calm))

    def _rest(self, queue: Queue, name: str) -> Span:
        """Wait until all is delivered, consumed and deleted, and return what came since the rest before."""
        self._recording.rest()
        queue.wait_until_drained()
        self._deletions.settle()
        before, self._counted = self._counted, self._stage.counted.now()
        counted = Counter(self._counted)
        counted.subtract(before)
        delivered = sum(told.delivered for told in self._recording.told)
        span = Span(name, delivered, queue.events(), counted)
        print(f"{name}: {delivered} events delivered, {len(span.events)} in the queue, counted {dict(+counted)}")
        return span

    def _wrong_in_store(self, faulty: Span, calm: Span) -> Iterator[str]:
        events = [*faulty.events, *calm.events]
        calm_traces = {event["traceId"] for event in calm.events}
        stored_in_calm = 0
        for person, told, deleted in zip(
            self._stage.persons, self._recording.told, self._deletions.deleted, strict=True
        ):
            with closing(Stored(self._stage, person, deleted)) as stored:
                mine = [event for event in events if event["projectId"] == person.project_id]
                yield from faults(told, deleted, stored, mine)
                documents = (*stored.documents["steps"], *stored.documents["data"])
                stored_in_calm += sum(document["traceId"] in calm_traces for document in documents)
        yield from wrong_sum_of_new(calm, stored_in_calm)

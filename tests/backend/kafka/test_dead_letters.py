"""What can never be stored is set aside with its reason, costs no other event anything, and can be sent once more."""

import json
import re
import time
from pathlib import Path

import msgspec
import pytest

from tests.backend.api.events import step, trace_start
from tests.backend.background import wait_until
from tests.backend.kafka.consuming import Place, finished, step_ids
from tests.backend.kafka.topic import PROJECT, Topic
from tests.contract.stores import new_database
from xray_backend.kafka.message import headers_of, text_headers
from xray_backend.store.mongodb.store import MongoStore

NO_EVENT = b'{"type": "step", "stepId": 7}'


COUNT = 44  # with 200 KB each, twice in its document, a trace outgrows 16 MiB after 40


def no_events(count: int) -> list[bytes]:
    return [b'{"type": "step", "stepId": %d}' % number for number in range(count)]


def set_aside(place: Place, topic: Topic, *values: bytes) -> None:
    """Let a consumer set these aside, and end."""
    for value in values:
        topic.produce(value)
    with place.consumer():
        wait_until(lambda: topic.lag() == {})


def dead(place: Place, *arguments: str) -> tuple[int, str]:
    return finished(["dead", *arguments], place.settings())


def test_one_bad_event_among_29_good_ones_costs_none_of_them(place: Place, topic: Topic) -> None:
    for number in range(29):
        topic.produce(msgspec.json.encode(step(f"s-{number}")))
        if number == 14:
            topic.produce(NO_EVENT)
    begun_ms = time.time() * 1000
    with place.consumer() as consumer:
        wait_until(lambda: topic.lag() == {})
        assert consumer.metric("xray_consumer_dead_letters_total") == 1
    store = place.store()
    assert len(step_ids(store)) == 29
    store.close()
    (letter,) = topic.dead()
    headers = text_headers(letter)
    assert letter.value() == NO_EVENT
    assert letter.key() == f"{PROJECT}/trace-1".encode()
    assert headers["version"] == "1"
    assert headers["project"] == PROJECT
    assert headers["request"] == "request-1"
    assert headers["dead-reason"]
    assert headers["dead-topic"] == topic.name
    partition, offset = int(headers["dead-partition"]), int(headers["dead-offset"])
    (position,) = [(m.partition(), m.offset()) for m in topic.messages() if m.value() == NO_EVENT]
    assert (partition, offset) == position
    assert begun_ms - 1000 <= int(headers["dead-time"]) <= time.time() * 1000 + 1000
    assert f"{topic.name} {partition}/{offset} was set aside: {headers['dead-reason']}" in consumer.output


FOREIGN: list[tuple[bytes | None, dict[str, bytes | None]]] = [
    (b"no JSON", {}),
    (b"", {}),
    (None, {}),
    (b"\xff\xfe", {}),
    (b"[" * 100_000, {}),
    (msgspec.json.encode(step("no version")), {"version": None}),
    (msgspec.json.encode(step("another version")), {"version": b"one"}),
    (msgspec.json.encode(step("no project")), {"project": None}),
    (msgspec.json.encode(step("no time")), {"received": b"9" * 5000}),
    (msgspec.json.encode(step("s" * 3_000)), {}),
]


def test_whatever_anybody_sends_is_set_aside_as_it_came(place: Place, topic: Topic) -> None:
    for value, changed in FOREIGN:
        known = dict(headers_of(PROJECT, "request-1", 1)) | changed
        topic.produce(value, [(name, text) for name, text in known.items() if text is not None])
    topic.publish(step("good"))
    with place.consumer():
        wait_until(lambda: topic.lag() == {})
    store = place.store()
    assert step_ids(store) == ["good"]
    store.close()
    assert sorted(letter.value() or b"" for letter in topic.dead()) == sorted(value or b"" for value, _ in FOREIGN)


def test_list_counts_all_and_show_prints_one(place: Place, topic: Topic) -> None:
    set_aside(place, topic, *no_events(3))
    status, said = dead(place, "list")
    assert status == 0
    lines = said.splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3"]
    assert all(re.match(r"\d  20\d\d-\S+Z  events-\w+ \d/\d  .+", line) for line in lines[:3])
    assert lines[3] == "3 set aside; 0 of the 3 kept were replayed."
    status, said = dead(place, "show", "1")
    assert status == 0
    shown = json.loads(said)
    assert shown["offset"] == 1
    assert shown["value"].encode() in no_events(3)
    assert shown["headers"]["project"] == PROJECT
    assert dead(place, "show", "3") == (1, "xray-backend: Nothing was set aside as number 3; there are 0 to 2.\n")


def test_where_nothing_was_set_aside_the_commands_say_so(place: Place) -> None:
    assert dead(place, "list") == (0, "0 set aside; 0 of the 0 kept were replayed.\n")
    assert dead(place, "show", "0") == (1, "xray-backend: Nothing was set aside as number 0; nothing is.\n")
    assert dead(place, "replay", "--all")[0] == 0


def test_replay_sends_each_once_more_and_what_is_still_wrong_comes_back(place: Place, topic: Topic) -> None:
    set_aside(place, topic, *no_events(3))
    before = len(topic.messages())
    status, said = dead(place, "replay", "--all")
    assert status == 0
    assert "3 sent once more." in said
    again = topic.messages()
    assert len(again) == before + 3
    assert all(not name.startswith("dead-") for message in again for name in text_headers(message))
    assert "0 set aside; 3 of the 3 kept were replayed." in dead(place, "list")[1]
    assert "0 sent once more." in dead(place, "replay", "--all")[1]
    with place.consumer("second"):
        wait_until(lambda: topic.lag() == {})
    assert "3 set aside; 3 of the 6 kept were replayed." in dead(place, "list")[1]
    assert "6 set aside; 3 of the 6 kept were replayed." in dead(place, "list", "--all")[1]


def test_one_is_replayed_alone_and_stored_once_its_fault_is_mended(place: Place, topic: Topic) -> None:
    deep = msgspec.json.encode(step("mended", metadata={"a": {"b": {"c": {"d": 1}}}}))
    topic.produce(NO_EVENT)
    topic.produce(deep)
    with place.consumer(XRAY_MAX_DEPTH="3"):
        wait_until(lambda: topic.lag() == {})
    (offset,) = [letter.offset() for letter in topic.dead() if letter.value() == deep]
    assert "1 sent once more." in dead(place, "replay", str(offset))[1]
    with place.consumer("mended"):
        wait_until(lambda: topic.lag() == {})
    store = place.store()
    assert step_ids(store) == ["mended"]
    store.close()
    assert len(topic.dead()) == 2


def test_while_the_dead_letter_topic_is_missing_nothing_is_committed(place: Place, topic: Topic) -> None:
    topic.delete_dead()
    topic.produce(NO_EVENT)
    consumer = place.consumer()
    consumer.launch()
    try:
        wait_until(lambda: "events waits: The queue did not take a message" in consumer.output)
        assert topic.lag() != {}
        with pytest.raises(RuntimeError, match="the queue cannot be used"):
            consumer.answer()
        topic.make()
        wait_until(lambda: topic.lag() == {})
    finally:
        consumer.stop()
    assert [letter.value() for letter in topic.dead()] == [NO_EVENT]


@pytest.mark.live  # the other broker has no such limit
def test_one_that_the_dead_letter_topic_does_not_take_waits_with_a_sentence_until_the_limit_is_raised(
    place: Place, topic: Topic
) -> None:
    large = b'{"type": "step", "stepId": 7, "metadata": {"text": "%s"}}' % (b"x" * 30_000)
    topic.limit(f"{topic.name}-dead", 20_000)
    for value in (NO_EVENT, large, msgspec.json.encode(step("beside"))):
        topic.produce(value)
    consumer = place.consumer()
    consumer.launch()
    try:
        sentence = f"it is too large for the topic {topic.name}-dead, whose max.message.bytes must be raised"
        wait_until(lambda: sentence in consumer.output)
        wait_until(lambda: consumer.metric("xray_consumer_retries_total") >= 3)
        assert topic.lag() != {}
        assert consumer.asked("/health") == 200
        topic.limit(f"{topic.name}-dead", 40_000)
        wait_until(lambda: topic.lag() == {})
        assert "Traceback" not in consumer.output
    finally:
        consumer.stop()
    assert sorted(letter.value() or b"" for letter in topic.dead()) == sorted([NO_EVENT, large])
    store = place.store()
    assert step_ids(store) == ["beside"]
    store.close()


def test_without_a_queue_the_commands_say_what_to_set(place: Place) -> None:
    settings = {**place.settings(), "XRAY_BUS_URL": "inline:"}
    for arguments in (["dead", "list"], ["dead", "show", "0"], ["dead", "replay", "--all"], ["consume"]):
        status, said = finished(arguments, settings)
        assert status == 2
        assert "set XRAY_BUS_URL to kafka://" in said


@pytest.mark.live  # it takes half a minute, and the same holds at the store (test_failures.py)
def test_what_makes_a_trace_too_large_for_the_database_is_set_aside_and_the_rest_is_stored(
    tmp_path: Path, topic: Topic, mongodb_url: str
) -> None:
    with new_database(mongodb_url) as url:
        for number in range(COUNT):
            topic.publish(trace_start("large", metadata={f"key-{number}": "x" * 200_000}), step(f"s-{number}", "large"))
        with Place(tmp_path, topic, url).consumer() as consumer:
            wait_until(lambda: topic.lag() == {})
            assert "Traceback" not in consumer.output
        store = MongoStore(url)
        assert step_ids(store) == sorted(f"s-{number}" for number in range(COUNT))
        found = store.trace(PROJECT, "large")
        assert found is not None
        kept = set(json.loads(found)["metadata"])
        store.close()
    aside = topic.dead()
    assert all("larger than the 16 MiB" in text_headers(letter)["dead-reason"] for letter in aside)
    lost = {key for letter in aside for key in msgspec.json.decode(letter.value() or b"")["metadata"]}
    assert kept
    assert lost
    assert kept | lost == {f"key-{number}" for number in range(COUNT)}

"""`xray-backend dead list | show | replay`: what could never be stored."""

from typing import Any

import msgspec

from xray_backend.clock import iso
from xray_backend.commands.progress import Progress
from xray_backend.config import Config
from xray_backend.errors import ConfigurationError
from xray_backend.kafka.security import kafka_options
from xray_backend.log import install_log
from xray_backend.parts import of_cluster

__all__ = ["list_dead", "replay_dead", "show_dead"]


def list_dead(config: Config, *, replayed_too: bool) -> None:
    """Say of each, in a line, why it was set aside."""
    with _dead_topic(config) as dead:
        first, unreplayed, end = dead.bounds()
        start = first if replayed_too else unreplayed
        for letter in dead.letters(start, end):
            print(f"{letter.offset}  {iso(letter.set_aside_ms)}  {letter.place}  {_one_line(letter.reason)}")
        print(f"{end - start:,} set aside; {unreplayed - first:,} of the {end - first:,} kept were replayed.")


def show_dead(config: Config, offset: int) -> None:
    """Print one as a whole, as JSON."""
    with _dead_topic(config) as dead:
        letter = dead.letter(offset)
    shown = {
        "offset": letter.offset,
        "reason": letter.reason,
        "from": letter.place,
        "setAsideAt": iso(letter.set_aside_ms),
        "headers": letter.headers,
        "value": letter.value.decode("utf-8", "backslashreplace"),
    }
    print(msgspec.json.format(msgspec.json.encode(shown)).decode())


def replay_dead(config: Config, offset: int | None) -> None:
    """Send one, or all that were not replayed yet, to the consumers once more; what is still wrong comes back."""
    with _dead_topic(config) as dead:
        if offset is not None:
            dead.letter(offset)
            sent = sum(dead.replay(offset, offset + 1))
        else:
            sent = _replay_all(dead)
    print(f"{sent:,} sent once more.")


def _replay_all(dead: Any) -> int:
    _, start, end = dead.bounds()
    sent = 0
    with Progress("messages", end - start) as progress:
        for count in dead.replay(start, end):
            sent += count
            progress.add(count)
    if sent:
        dead.note_replayed(end)
    return sent


def _dead_topic(config: Config) -> Any:
    if config.bus_url == "inline:":
        raise ConfigurationError("Without a queue nothing is set aside: set XRAY_BUS_URL to kafka://…")
    install_log(config.log)
    dead_topic = of_cluster("xray_backend.kafka.dead_topic", "XRAY_BUS_URL")
    return dead_topic.DeadTopic(config.bus_url, kafka_options(config))


def _one_line(reason: str) -> str:
    return " ".join(reason.split())

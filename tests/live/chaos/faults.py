"""What goes wrong, and is right again a little later; the seed decides what, when and for how long."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from tests.live.chaos.counted import scraped
from tests.live.chaos.stage import Stage
from tests.servers.backend import BackendProcess
from tests.servers.process import ServerProcess
from tests.servers.proxy import Link, Proxy

__all__ = ["Fault", "sequence"]

QUIET_SECONDS = (0.2, 3.0)  # between two faults: in some of them nothing has come to rest
AWAY_SECONDS = (0.1, 4.0)  # between a kill and the next start, which itself takes some seconds more
BAD_LINK_SECONDS = (0.5, 6.0)
REFUSED_SECONDS = 20.0  # long enough for every rest and time limit to have its turn
LOOK_SECONDS = 0.1
RETRIES = "xray_consumer_retries_total"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; `run` returns when it is over."""

    number: int
    kind: str
    seed: str

    def run(self, stage: Stage) -> str:
        """Let it happen, and tell what it was."""
        chosen = Random(self.seed)
        _sleep(chosen, QUIET_SECONDS)
        return f"{self.number}: {_KINDS[self.kind](stage, chosen)}"


def sequence(seed: str, count: int) -> Iterator[Fault]:
    """Return the faults that this seed makes; each kind comes once before any comes again."""
    chosen = Random(seed)
    kinds: list[str] = []
    for number in range(count):
        kinds = kinds or chosen.sample(sorted(_KINDS), len(_KINDS))
        yield Fault(number, kinds.pop(), f"{seed}-{number}")


def _kill(process: ServerProcess, chosen: Random) -> str:
    process.kill()
    seconds = _sleep(chosen, AWAY_SECONDS)
    process.start()
    return f"{process.name} was killed, and started again {seconds:.1f} s later"


def _kill_program(stage: Stage, program: BackendProcess, chosen: Random) -> str:
    stage.counted.keep(program)
    return _kill(program, chosen)


def _kill_consumer(stage: Stage, chosen: Random) -> str:
    return _kill_program(stage, chosen.choice(stage.programs.consumers), chosen)


def _kill_api(stage: Stage, chosen: Random) -> str:
    return _kill_program(stage, chosen.choice(stage.programs.apis), chosen)


def _kill_broker(stage: Stage, chosen: Random) -> str:
    return _kill(stage.kafka, chosen)


def _kill_database(stage: Stage, chosen: Random) -> str:
    return _kill(stage.mongodb, chosen)


def _kill_blobs(stage: Stage, chosen: Random) -> str:
    return _kill(stage.s3, chosen)


def _rebalance(stage: Stage, chosen: Random) -> str:
    with stage.programs.consumer(stage.folder / "consumer-more") as consumer:
        seconds = _sleep(chosen, AWAY_SECONDS)
        stage.counted.keep(consumer)
        is_rude = chosen.random() < 0.5
        if is_rude:
            consumer.kill()
    return f"another consumer came for {seconds:.1f} s, and {'was killed' if is_rude else 'left'}"


def _refuse(stage: Stage, chosen: Random) -> str:
    """Refuse, and kill a consumer that holds what it cannot store."""
    end = time.monotonic() + REFUSED_SECONDS
    tries = {consumer: scraped(consumer)[RETRIES] for consumer in stage.programs.consumers}
    stage.to_mongodb.become(Link.REFUSES)
    killed = _first_that_waits(tries, end)
    if killed is not None:
        time.sleep(chosen.random() * max(0.0, end - time.monotonic()))
        stage.counted.keep(killed)
        killed.kill()
    time.sleep(max(0.0, end - time.monotonic()))
    stage.to_mongodb.become(Link.PASSES)
    if killed is not None:
        killed.start()
    what = "a consumer that held a batch was killed" if killed else "no consumer got a batch"
    return f"the database refused for {REFUSED_SECONDS:.0f} s, and {what}"


def _first_that_waits(tries: Mapping[BackendProcess, int], end: float) -> BackendProcess | None:
    """Wait for a consumer to try a batch again; none if there is none until the end."""
    while time.monotonic() < end:
        for consumer, before in tries.items():
            if scraped(consumer)[RETRIES] > before:
                return consumer
        time.sleep(LOOK_SECONDS)
    return None


def _slow(stage: Stage, chosen: Random) -> str:
    return _worsen(stage, chosen, chosen.choice([Link.DELAYS, Link.SLOWS]))


def _cut(stage: Stage, chosen: Random) -> str:
    return _worsen(stage, chosen, Link.CUTS)


def _reset(stage: Stage, chosen: Random) -> str:
    return _worsen(stage, chosen, Link.RESETS)


def _worsen(stage: Stage, chosen: Random, link: Link) -> str:
    names = ("API", "broker", "database", "blobs")
    number = chosen.randrange(len(names))
    proxy: Proxy = stage.links[number]
    proxy.become(link)
    seconds = _sleep(chosen, BAD_LINK_SECONDS)
    proxy.become(Link.PASSES)
    return f"the link to the {names[number]} was one that {link.value}, for {seconds:.1f} s"


def _sleep(chosen: Random, bounds: tuple[float, float]) -> float:
    """Let time pass: the moment is what is chosen."""
    seconds = chosen.uniform(*bounds)
    time.sleep(seconds)
    return seconds


_KINDS: dict[str, Callable[[Stage, Random], str]] = {
    "consumer": _kill_consumer,
    "api": _kill_api,
    "broker": _kill_broker,
    "database": _kill_database,
    "blobs": _kill_blobs,
    "rebalance": _rebalance,
    "refusal": _refuse,
    "slow link": _slow,
    "cut link": _cut,
    "resets": _reset,
}

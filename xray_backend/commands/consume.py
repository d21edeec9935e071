"""`xray-backend consume`: takes events from the queue into the store, until it is told to stop."""

import logging
import os
import signal
import sys
import threading
from typing import Any, Final

from xray_backend.config import Config
from xray_backend.errors import CommandError, ConfigurationError, Unavailable
from xray_backend.ingest.processor import Processor
from xray_backend.kafka.status_server import StatusServer
from xray_backend.log import install_log
from xray_backend.memory import give_back_what_is_freed, seldom_look_for_cycles
from xray_backend.metrics import Metrics
from xray_backend.parts import check_layout, limits_of, of_cluster, open_store
from xray_backend.services.readiness import Readiness

__all__ = ["consume"]

SILENT_SECONDS: Final = 270.0
"""A database that vanished is given up after two minutes; brokers throw out who asks for nothing for five."""

_LEAVE_SECONDS: Final = 9.0
"""Whoever ends a program mostly waits ten."""

_LOOK_SECONDS: Final = 0.1

_TURN_SECONDS: Final = 0.0005
"""How long the thread that stores waits for the one that reads, each time that the database has answered: a tenth of
Python's own, with which a backlog takes a sixth longer."""

_LOG = logging.getLogger(__name__)


def consume(config: Config) -> None:
    """Run a consumer until SIGTERM or Ctrl-C.

    Raises `ConfigurationError` if the settings name no queue or cannot be used, `CommandError` if it cannot go on.
    """
    if config.bus_url == "inline:":
        raise ConfigurationError("There is nothing to consume without a queue: set XRAY_BUS_URL to kafka://…")
    install_log(config.log)
    give_back_what_is_freed()
    program = of_cluster("xray_backend.kafka.program", "XRAY_BUS_URL")
    store = open_store(config)
    metrics = Metrics()
    try:
        check_layout(store)
        consumer = program.make_consumer(config, Processor(store, metrics), limits_of(config), metrics)
        seldom_look_for_cycles()
        sys.setswitchinterval(_TURN_SECONDS)
        readiness = Readiness({"the database": store.ping, "the queue": consumer.ping})
        checks = {"/health": lambda: _check_alive(consumer), "/ready": readiness.check}
        with StatusServer(config.consumer_host, config.consumer_port, checks, metrics.render) as status:
            print(f"X-Ray consumer ready at {status.url}", flush=True)
            _run(consumer)
    except program.NewerVersion as error:
        raise CommandError(str(error)) from None
    finally:
        store.close()


def _run(consumer: Any) -> None:
    """Run it in a thread of its own, so that signals are heard whatever that waits for, and are always heeded."""
    asked = False
    failures: list[BaseException] = []

    def work() -> None:
        try:
            consumer.run()
        except BaseException as error:  # noqa: BLE001 - raised again where the command waits
            failures.append(error)

    def end(*_: object) -> None:
        nonlocal asked
        asked = True
        consumer.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    thread = threading.Thread(target=work, name="xray-consumer", daemon=True)
    thread.start()
    while thread.is_alive() and not asked:
        thread.join(_LOOK_SECONDS)
    thread.join(_LEAVE_SECONDS)
    if thread.is_alive():
        _LOG.error("the batch in hand could not be ended in %.0f s; uncommitted, it is read again", _LEAVE_SECONDS)
        logging.shutdown()
        os._exit(1)  # whatever the thread waits for, it has no say any more
    if failures:
        raise failures[0]


def _check_alive(consumer: Any) -> None:
    if consumer.silent_seconds() > SILENT_SECONDS:
        raise Unavailable(f"The consumer has asked for no message for {SILENT_SECONDS:.0f} s.")

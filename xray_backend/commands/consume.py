"""`xray-backend consume`: takes events from the queue into the store, until it is told to stop."""

import signal
from typing import Any, Final

from xray_backend.config import Config
from xray_backend.errors import CommandError, ConfigurationError, Unavailable
from xray_backend.ingest.processor import Processor
from xray_backend.kafka.status_server import StatusServer
from xray_backend.log import install_log
from xray_backend.memory import give_back_what_is_freed, seldom_look_for_cycles
from xray_backend.metrics import Metrics
from xray_backend.parts import limits_of, of_cluster, open_store
from xray_backend.services.readiness import Readiness

__all__ = ["consume"]

SILENT_SECONDS: Final = 120.0
"""A batch is stored or refused in less; a consumer that asks for nothing for so long hangs."""


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
        consumer = program.make_consumer(config, Processor(store, metrics), limits_of(config), metrics)
        _end_at_signals(consumer)
        seldom_look_for_cycles()
        readiness = Readiness({"the database": store.ping, "the queue": consumer.ping})
        checks = {"/health": lambda: _check_alive(consumer), "/ready": readiness.check}
        with StatusServer(config.consumer_host, config.consumer_port, checks, metrics.render) as status:
            print(f"X-Ray consumer ready at {status.url}", flush=True)
            consumer.run()
    except program.NewerVersion as error:
        raise CommandError(str(error)) from None
    finally:
        store.close()


def _end_at_signals(consumer: Any) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: consumer.stop())


def _check_alive(consumer: Any) -> None:
    if consumer.silent_seconds() > SILENT_SECONDS:
        raise Unavailable(f"The consumer has asked for no message for {SILENT_SECONDS:.0f} s.")

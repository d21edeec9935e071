"""The parts that the three URLs of the configuration name."""

from contextlib import suppress
from importlib import import_module
from typing import Any

from xray_backend.blobs.base import BlobStore
from xray_backend.blobs.files import FileBlobStore
from xray_backend.blobs.s3_url import parse_s3_url
from xray_backend.blobs.signing import UrlSigner
from xray_backend.clock import SteadyClock
from xray_backend.config import Config, path_of
from xray_backend.errors import ConfigurationError, Unavailable
from xray_backend.ingest.bus import Bus, InlineBus
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.kafka.security import kafka_options
from xray_backend.store.base import Store
from xray_backend.store.sqlite.store import SqliteStore

__all__ = [
    "check_layout",
    "check_urls",
    "limits_of",
    "of_cluster",
    "open_blobs",
    "open_bus",
    "open_files",
    "open_store",
]


def check_urls(config: Config) -> None:
    """Read what can be read before anything is opened. Raises `ConfigurationError` if it cannot be used."""
    if not config.store_url.startswith("sqlite:"):
        open_store(config).close()  # which makes no connection
    if not config.blobs_url.startswith("file:"):
        of_cluster("xray_backend.blobs.s3", "XRAY_BLOBS_URL")
        parse_s3_url(config.blobs_url)
    if config.bus_url != "inline:":
        bus = _kafka_bus(config)
        bus.check()
        bus.close()
        if config.blobs_url.startswith("file:"):
            raise ConfigurationError(
                "Values on a disk need their records at once, and the queue of XRAY_BUS_URL brings them later, so that "
                "values would be lost: set XRAY_BLOBS_URL to s3://bucket/prefix?region=name."
            )


def open_store(config: Config) -> Store:
    """Open the database. Raises `ConfigurationError` or `Unavailable` if it cannot be used."""
    if config.store_url.startswith("sqlite:"):
        return SqliteStore(
            path_of(config.store_url, "sqlite"), clock=SteadyClock(), query_timeout_seconds=config.max_query_seconds
        )
    module = of_cluster("xray_backend.store.mongodb.store", "XRAY_STORE_URL")
    store: Store = module.MongoStore(
        config.store_url, clock=SteadyClock(), query_timeout_seconds=config.max_query_seconds
    )
    return store


def check_layout(store: Store) -> None:
    """Raise `ConfigurationError` if what `xray-backend init` makes is missing; a store that is away looks later."""
    with suppress(Unavailable):
        store.check_layout()


def open_bus(config: Config, processor: Processor) -> Bus:
    """Open the way that events take. Raises `ConfigurationError` if it cannot be used."""
    if config.bus_url == "inline:":
        return InlineBus(processor)
    bus: Bus = _kafka_bus(config)
    return bus


def _kafka_bus(config: Config) -> Any:
    module = of_cluster("xray_backend.kafka.bus", "XRAY_BUS_URL")
    return module.KafkaBus(config.bus_url, kafka_options(config), timeout_seconds=config.bus_timeout_seconds)


def open_blobs(config: Config, store: Store, signer: UrlSigner) -> BlobStore:
    """Open the blob store. Raises `ConfigurationError` if it cannot be used."""
    if config.blobs_url.startswith("file:"):
        return open_files(config, store, signer)
    url = parse_s3_url(config.blobs_url)
    module = of_cluster("xray_backend.blobs.s3", "XRAY_BLOBS_URL")
    is_inline = config.bus_url == "inline:"  # then a record never comes after its bytes
    blobs: BlobStore = module.S3BlobStore(
        url,
        store.recorded_data,
        abandoned_seconds=config.abandoned_seconds,
        unrecorded_seconds=config.abandoned_seconds if is_inline else module.UNRECORDED_SECONDS,
    )
    return blobs


def open_files(config: Config, store: Store, signer: UrlSigner) -> FileBlobStore:
    """Open the blob store on this machine's disk."""
    return FileBlobStore(
        path_of(config.blobs_url, "file"),
        signer,
        store.recorded_data,
        max_blob_bytes=config.max_blob_bytes,
        abandoned_seconds=config.abandoned_seconds,
    )


def limits_of(config: Config) -> Limits:
    """Return the bounds of what is taken."""
    return Limits(
        max_body_bytes=config.max_body_bytes,
        max_events=config.max_events,
        max_event_bytes=config.max_event_bytes,
        max_depth=config.max_depth,
        max_content_bytes=config.max_content_bytes,
        max_presign_items=config.max_presign_items,
        max_blob_bytes=config.max_blob_bytes,
    )


def of_cluster(module: str, setting: str) -> Any:
    """Import what only the extra `cluster` brings the packages for: a server on one machine is without them."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("xray_backend"):
            raise
        raise ConfigurationError(
            f"{setting} needs the package {error.name}; `pip install 'xray-trace[backend,cluster]'` brings it."
        ) from None

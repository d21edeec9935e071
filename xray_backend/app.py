"""create_app: what the API consists of, on one screen."""

from flask import Flask

from xray_backend.api import (
    auth,
    blobs,
    data,
    docs,
    ingest,
    keys,
    members,
    operations,
    presign,
    projects,
    query,
    schemas,
    traces,
)
from xray_backend.api.answers import MsgspecJson
from xray_backend.api.context import Services, install_services
from xray_backend.api.cors import install_cors
from xray_backend.api.errors import install_error_answers
from xray_backend.api.large_answers import install_large_answers
from xray_backend.api.request_body import install_body_room, install_draining
from xray_backend.api.request_ids import install_request_ids
from xray_backend.api.request_log import install_request_log
from xray_backend.auth.accounts import Accounts
from xray_backend.auth.api_keys import ApiKeys
from xray_backend.auth.passwords import Passwords
from xray_backend.auth.permissions import Permissions
from xray_backend.auth.rate_limits import RateLimits
from xray_backend.auth.tokens import install_tokens
from xray_backend.blobs.base import BlobStore
from xray_backend.blobs.files import FileBlobStore
from xray_backend.blobs.signing import UrlSigner
from xray_backend.config import Config
from xray_backend.ingest.processor import Processor
from xray_backend.metrics import Metrics
from xray_backend.parts import limits_of, open_blobs, open_bus, open_store
from xray_backend.query.cursor import CursorCodec
from xray_backend.query.limits import QueryLimits
from xray_backend.services.deletion import Deletion
from xray_backend.services.housekeeping import Housekeeper
from xray_backend.services.members import Members
from xray_backend.services.projects import Projects
from xray_backend.services.readiness import Readiness
from xray_backend.services.reading import Reading
from xray_backend.services.recording import Recording
from xray_backend.services.sdk_drops import SdkDrops
from xray_backend.services.searching import Searching
from xray_backend.services.uploads import Uploads
from xray_backend.store.base import Store

__all__ = ["create_app"]

_BLUEPRINTS = (auth, data, ingest, keys, members, operations, presign, projects, query, schemas, traces)


def create_app(config: Config) -> Flask:
    """Compose the API. Raises `ConfigurationError` or `Unavailable` if a part cannot be had."""
    app = Flask("xray_backend", static_folder=None)
    app.json = MsgspecJson(app)
    app.url_map.strict_slashes = False
    store = open_store(config)
    signer = UrlSigner(config.public_base_url, config.jwt_secret)
    stored = open_blobs(config, store, signer)
    services = _services(config, store, stored, signer)
    operations.install_request_metrics(app, services.metrics)
    install_request_ids(app)
    install_request_log(app, config.trusted_proxies)
    install_cors(app, config.cors_origins)
    install_error_answers(app)
    install_large_answers(app, config.data_dir)
    install_body_room(app)
    install_draining(app)
    install_tokens(app, config.jwt_secret, store)
    install_services(app, services)
    for module in _BLUEPRINTS:
        app.register_blueprint(module.blueprint)
    if isinstance(stored, FileBlobStore):  # S3 answers its URLs itself
        app.register_blueprint(blobs.make_blueprint(stored, config.max_blob_bytes))
    docs.install_docs(app, config.public_base_url)
    return app


def _query_limits(config: Config) -> QueryLimits:
    return QueryLimits(
        max_depth=config.max_filter_depth,
        max_clauses=config.max_filter_clauses,
        max_list_length=config.max_filter_list_length,
        max_regex_length=config.max_regex_length,
    )


def _rates(config: Config) -> dict[str, str]:
    return {
        "login_by_address": config.login_rate_per_address,
        "login_by_account": config.login_rate_per_account,
        "register_by_address": config.register_rate_per_address,
        "register_by_account": config.login_rate_per_account,
    }


def _services(config: Config, store: Store, stored: BlobStore, signer: UrlSigner) -> Services:
    limits = limits_of(config)
    metrics = Metrics()
    _watch(metrics, store)
    rates = RateLimits(_rates(config), store)
    bus = open_bus(config, Processor(store, metrics))
    cursors = CursorCodec(config.jwt_secret.encode())
    api_keys = ApiKeys(store)
    housekeeper = Housekeeper(
        store,
        stored,
        metrics,
        config.data_dir / "housekeeping.lock",
        sweep_seconds=config.sweep_seconds,
        is_shared=not isinstance(stored, FileBlobStore),
    )

    def start() -> None:
        store.start()
        housekeeper.start()

    def close() -> None:
        housekeeper.stop()
        bus.close()
        store.close()

    return Services(
        config=config,
        limits=limits,
        metrics=metrics,
        start=start,
        close=close,
        accounts=Accounts(store, Passwords(), rates, registration_open=config.registration_open),
        api_keys=api_keys,
        permissions=Permissions(store),
        projects=Projects(store),
        members=Members(store),
        recording=Recording(bus, limits, metrics),
        sdk_drops=SdkDrops(metrics),
        uploads=Uploads(bus, store, stored, limits, metrics),
        deletion=Deletion(store, api_keys, housekeeper.wake),
        reading=Reading(store, stored, signer, cursors),
        searching=Searching(store, cursors, _query_limits(config), metrics),
        readiness=Readiness({"the database": store.ping, "the queue": bus.ping, "the blob store": stored.ping}),
    )


def _watch(metrics: Metrics, store: Store) -> None:
    metrics.watch("xray_store_waiting_calls", "Calls that wait to be written.", lambda: store.state().waiting_calls)
    metrics.watch("xray_store_database_bytes", "Size of the database.", lambda: store.state().database_bytes)
    metrics.watch("xray_store_log_bytes", "Size of the write-ahead log.", lambda: store.state().log_bytes)

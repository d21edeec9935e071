"""The real WSGI server: gunicorn, one worker process with threads, on a socket that is bound before it starts."""

import resource
import signal
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import AppImportError
from gunicorn.glogging import Logger

from xray_backend.config import Config
from xray_backend.errors import ConfigurationError, Unavailable
from xray_backend.memory import give_back_what_is_freed
from xray_backend.worker import RequestInput, Worker

__all__ = ["Server", "bind"]

GRACE_SECONDS = 10  # a request that runs at the time limit of a query still gets its answer
WORKER_SILENCE_SECONDS = 60  # six times the longest query; only a worker that hangs is silent for so long
KEEP_ALIVE_SECONDS = 30  # longer than the SDK's pause between two batches, so that one connection serves them all
BACKLOG = 2048  # connections that come in one burst; the kernel cuts it to its own limit
CONNECTIONS = 2000  # a thousand slow clients and as many that are not; each of them takes 100 KB at worst
FILES_PER_CONNECTION = 2  # the socket, and the file that its body or its answer waits in
OTHER_FILES = 256  # the database, once for each of the threads that read it, and the program itself


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address; port 0 takes a free one. Raises `ConfigurationError` if that cannot be."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        reason = error.strerror or "it cannot be used"
        raise ConfigurationError(f"The server cannot listen on {host} port {port}: {reason}.") from None
    return listener


def _connections() -> int:
    """Return how many connections may be open, and see to it that there are descriptors for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS * FILES_PER_CONNECTION + OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, (allowed - OTHER_FILES) // FILES_PER_CONNECTION)


class _Logger(Logger):
    """Gunicorn's log, which goes where the server's goes."""

    def setup(self, cfg: Any) -> None:
        """Leave the lines to the root's handler."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Arbiter(Arbiter):
    """Gunicorn's parent process, to which Ctrl-C says the same as SIGTERM: finish what runs, then stop."""

    def handle_int(self) -> None:
        """Stop gracefully."""
        self.handle_term()


class Server(BaseApplication):
    """Runs the application in a worker that is forked from this process."""

    def __init__(
        self,
        config: Config,
        listener: socket.socket,
        create_app: Callable[[Config], Flask],
        *,
        on_fork: Callable[[], None],
        on_start: Callable[[Flask], None],
        on_ready: Callable[[], None],
        on_exit: Callable[[Flask], None],
    ) -> None:
        self._config = config
        self._listener = listener
        self._create_app = create_app
        self._on_fork = on_fork
        self._on_start = on_start
        self._on_ready = on_ready
        self._on_exit = on_exit
        super().__init__()

    @property
    def stall_seconds(self) -> float:
        """Tell how long the worker waits for a client that moves nothing."""
        return self._config.stall_seconds

    def load_config(self) -> None:
        """Give gunicorn its settings; nothing is read from its own environment or files."""
        settings: dict[str, Any] = {
            "bind": [f"fd://{self._listener.detach()}"],
            "workers": 1,  # /metrics tells of one process, and SQLite has one writer (ADR 0007)
            "worker_class": Worker,
            "threads": self._config.threads,
            "worker_connections": _connections(),
            "sendfile": False,  # it would wait for a slow client in the kernel, and keep its turn
            "timeout": WORKER_SILENCE_SECONDS,
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "backlog": BACKLOG,
            "loglevel": "warning",
            "logger_class": _Logger,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",  # the application decides whom to believe
            "post_fork": lambda arbiter, worker: self._on_fork(),
            "post_worker_init": lambda worker: self._ready(worker),
            "worker_exit": lambda arbiter, worker: self._exited(worker),
        }
        for name, value in settings.items():
            if name in self.cfg.settings:  # older versions have no control socket to turn off
                self.cfg.set(name, value)

    def load(self) -> Flask:  # type: ignore[override] # gunicorn's stubs type start_response more narrowly
        """Make the application, in the worker. Raises `AppImportError`, which gunicorn tells and ends by."""
        try:
            app = self._create_app(self._config)
        except (ConfigurationError, Unavailable) as error:
            raise AppImportError(f"xray-backend: {error}") from None
        serve = app.wsgi_app

        def serve_framed(environ: dict[str, Any], start_response: Any) -> Any:
            environ["wsgi.input"] = RequestInput(environ["wsgi.input"])
            return serve(environ, start_response)

        app.wsgi_app = serve_framed  # type: ignore[method-assign] # Flask's documented way to wrap an application
        return app

    def run(self) -> None:
        """Serve until a signal says stop; does not return."""
        give_back_what_is_freed()
        _Arbiter(self).run()

    def _ready(self, worker: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the worker too; the parent decides
        self._on_start(worker.wsgi)
        if worker.age == 1:  # a worker that replaces a dead one says nothing
            self._on_ready()

    def _exited(self, worker: Any) -> None:
        app = getattr(worker, "wsgi", None)  # a worker whose application could not be made has none
        if isinstance(app, Flask):
            self._on_exit(app)

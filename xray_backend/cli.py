"""`xray-backend`: starts the server, and looks after its data."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from xray_backend.api.context import services_of
from xray_backend.app import create_app
from xray_backend.commands.backup import backup
from xray_backend.commands.check import check
from xray_backend.commands.consume import consume
from xray_backend.commands.dead import list_dead, replay_dead, show_dead
from xray_backend.commands.export import export
from xray_backend.commands.import_project import import_project
from xray_backend.commands.init import init
from xray_backend.commands.restore import restore
from xray_backend.config import Config, is_loopback, load_config, located
from xray_backend.data_dir import Credentials, DataDir
from xray_backend.errors import CommandError, ConfigurationError, Unavailable
from xray_backend.local_account import is_usable, make_local_account
from xray_backend.log import install_log
from xray_backend.parts import check_layout, check_urls, open_store
from xray_backend.server import Server, bind
from xray_backend.store.base import Store

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; status 2 says that the settings are wrong, 1 that something else is."""
    options = vars(_parser().parse_args(arguments))
    try:
        return _run(options.pop("command"), options)
    except ConfigurationError as error:
        print(f"xray-backend: {error}", file=sys.stderr)
        return 2
    except Unavailable as error:
        print(f"xray-backend: {error.message}", file=sys.stderr)
    except CommandError as error:
        print(f"xray-backend: {error}", file=sys.stderr)
    except BrokenPipeError:
        print("xray-backend: What reads the output ended before it had all.", file=sys.stderr)
    except OSError as error:
        print(f"xray-backend: {error.filename or 'a file'}: {error.strerror or error}.", file=sys.stderr)
    return 1


def _run(command: str, options: dict[str, Any]) -> int:
    if command in ("up", "serve"):
        _serve(options, local=command == "up")
        return 0
    config = load_config({"data_dir": options["data_dir"]}, os.environ)
    done = _COMMANDS[command](config, options)
    return 0 if done in (None, True) else 1


def _export(config: Config, options: Mapping[str, Any]) -> None:
    output = options["output"]
    export(config, options["project"], None if output in (None, "-") else Path(output))


def _dead(config: Config, options: Mapping[str, Any]) -> None:
    if options["action"] == "list":
        list_dead(config, replayed_too=options["all"])
    elif options["action"] == "show":
        show_dead(config, options["offset"])
    else:
        replay_dead(config, options["offset"])


_COMMANDS: Mapping[str, Callable[[Config, Mapping[str, Any]], bool | None]] = {
    "backup": lambda config, options: backup(config, Path(options["file"])),
    "check": lambda config, _: check(config),
    "consume": lambda config, _: consume(config),
    "dead": _dead,
    "export": _export,
    "import": lambda config, options: import_project(config, Path(options["file"]), options["project"]),
    "init": lambda config, _: init(config),
    "restore": lambda config, options: restore(config, Path(options["file"])),
}
"""What each does; false says that it is not all right."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xray-backend", description="The X-Ray server.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser(
        "up", help="start on this machine, with an account, a project and a key made at the first start"
    )
    serve = commands.add_parser("serve", help="start with the settings of the environment; needs XRAY_JWT_SECRET")
    for command in (up, serve):
        command.add_argument("--host", help="the address to listen on (default 127.0.0.1)")
        command.add_argument("--port", help="the port to listen on (default 3000; 0 takes a free one)")
    backing = commands.add_parser("backup", help="write all data and secrets to one file, while the server runs or not")
    backing.add_argument("file", metavar="FILE")
    restoring = commands.add_parser("restore", help="make a data directory from a backup; it must be empty or missing")
    restoring.add_argument("file", metavar="FILE")
    exporting = commands.add_parser("export", help="write a project as lines of JSON")
    exporting.add_argument("--project", required=True, help="the project's id")
    exporting.add_argument("--format", choices=["ndjson"], default="ndjson", help="one JSON object a line")
    exporting.add_argument("--output", help="the file to write (default: standard output)")
    importing = commands.add_parser("import", help="read what export wrote, into a project that exists")
    importing.add_argument("file", metavar="FILE")
    importing.add_argument("--project", help="the project's id (default: that of the export)")
    commands.add_parser("init", help="make topics, collections, indexes and the bucket where they are missing")
    commands.add_parser("consume", help="take events from Kafka into the store, until told to stop")
    _add_dead(commands.add_parser("dead", help="look at what could never be stored, and send it once more"))
    commands.add_parser("check", help="look through the data directory and say what is wrong; changes nothing")
    for command in commands.choices.values():
        command.add_argument("--data-dir", help="where everything is kept (default ~/.xray-trace)")
    return parser


def _add_dead(dead: argparse.ArgumentParser) -> None:
    actions = dead.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="say of each why it was set aside")
    listing.add_argument("--all", action="store_true", help="those that were replayed, too")
    showing = actions.add_parser("show", help="print one as a whole")
    showing.add_argument("offset", metavar="OFFSET", type=int)
    replaying = actions.add_parser("replay", help="send to the consumers once more")
    which = replaying.add_mutually_exclusive_group(required=True)
    which.add_argument("offset", metavar="OFFSET", type=int, nargs="?", help="this one")
    which.add_argument("--all", action="store_true", help="all that were not replayed yet")


def _serve(options: Mapping[str, object], *, local: bool) -> None:
    """Bind, prepare, then serve; in this order, so that whatever is wrong is said before anything is written."""
    config = load_config(options, os.environ)
    if not config.jwt_secret and not (local and is_loopback(config.host)):
        raise ConfigurationError(
            "Others can reach this server, so it needs a secret of its own: set XRAY_JWT_SECRET "
            "(`openssl rand -hex 32` makes one)."
        )
    check_urls(config)
    install_log(config.log)
    listener = bind(config.host, config.port)
    config = located(config, listener.getsockname()[1])
    data_dir = DataDir(config.data_dir)
    data_dir.take()
    config = replace(config, jwt_secret=config.jwt_secret or data_dir.secret())
    with closing(open_store(config)) as store:  # so that a database that cannot be used is told here, in one sentence
        check_layout(store)
        if local:
            _prepare_local_use(config, data_dir, store)
    Server(
        config,
        listener,
        create_app,
        on_fork=data_dir.let_go,
        on_start=lambda app: services_of(app).start(),
        on_ready=lambda: print(f"X-Ray server ready at {config.public_base_url}", flush=True),
        on_exit=lambda app: services_of(app).close(),
    ).run()


def _prepare_local_use(config: Config, data_dir: DataDir, store: Store) -> None:
    found = data_dir.credentials()
    if found is None or not is_usable(found, store):
        made = make_local_account(store, _local_url(config))
        _tell(made, data_dir.write_credentials(made))
    elif found.base_url != _local_url(config):
        found.base_url = _local_url(config)
        data_dir.write_credentials(found)


def _local_url(config: Config) -> str:
    """Return where programs on this machine find the server, whatever the world calls it."""
    return located(replace(config, public_base_url=""), config.port).public_base_url


def _tell(credentials: Credentials, path: Path) -> None:
    print(
        f"First start. For local use there is now an account; it is shown once, and kept in {path}:\n"
        f"  e-mail    {credentials.email}\n"
        f"  password  {credentials.password}\n"
        f"  project   {credentials.project_id}\n"
        f"  API key   {credentials.api_key}",
        flush=True,
    )

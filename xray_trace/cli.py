"""The `xray-trace` command: looks at the spool, and says in words what keeps events from arriving."""

import argparse
import json
import socket
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException, HTTPMessage
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from xray_trace.config import Config, load_config
from xray_trace.errors import DeliveryError, SpoolError, XRayError
from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.inspection import SpoolEntry, flush_spool, purge, spool_entries
from xray_trace.export.spool_name import STAGED

__all__ = ["main"]

_PROBE_TIMEOUT_SECONDS = 10.0  # a server that takes longer for an empty request takes no events either
_FLUSH_TIMEOUT_SECONDS = 60.0  # someone waits for it; a full spool of 100 MB takes less on a usual line
_PROBE_CONTENT = bytes(4096)  # a block; a disk without room for it is full
_SET_ASIDE = ("rejected", "drops")  # which nobody waits for: what the server refused, and what goes with another batch
_ANSWER_MAX_BYTES = 64 * 1024  # an error's sentence is short; whatever else answers may be long


class Finding(NamedTuple):
    """What one check found out."""

    good: bool
    sentence: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 if all is well, 1 if not, 2 for a wrong command line."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(load_config({}), chosen))
    except (XRayError, OSError) as error:
        print(f"xray-trace: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("xray-trace: interrupted; what was not sent is still in the spool.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xray-trace", description="Settings come from the environment, as in a program; see docs/settings.md."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="test key, URL and spool, and say what is wrong")
    check.set_defaults(run=_check)
    spool = commands.add_parser("spool", help="what waits on this machine to be sent")
    actions = spool.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="show what waits").set_defaults(run=_list)
    flush = actions.add_parser("flush", help="send what programs left that are gone")
    flush.add_argument("--timeout-seconds", type=float, default=_FLUSH_TIMEOUT_SECONDS, metavar="SECONDS")
    flush.set_defaults(run=_flush)
    purge_it = actions.add_parser("purge", help="delete what programs left that are gone, without sending it")
    purge_it.add_argument("--yes", action="store_true", help="really delete it")
    purge_it.set_defaults(run=_purge)
    return parser


def _list(config: Config, chosen: argparse.Namespace) -> int:
    entries = spool_entries(config)
    if not entries:
        print("Nothing waits in the spool.")
        return 0
    print(f"{'age':>8}  {'kind':8}  {'events':>6}  {'size':>9}  {'program':7}  for")
    for entry in entries:
        program = "running" if entry.alive else "gone"
        receiver = "this server and key" if entry.destination == config.destination else f"others ({entry.destination})"
        age, size = _age(entry.age_seconds), _size(entry.bytes)
        print(f"{age:>8}  {entry.kind:8}  {entry.events:>6}  {size:>9}  {program:7}  {receiver}")
    print(f"{len(entries)} files, {_size(sum(entry.bytes for entry in entries))} wait.")
    return 0


def _flush(config: Config, chosen: argparse.Namespace) -> int:
    if config.api_key is None:
        raise XRayError("there is no API key, so nobody knows whose spool to send; `xray-trace check` says more.")
    result = flush_spool(config, chosen.timeout_seconds)
    lost = sum(result.dropped.values())
    waiting = max(result.pending, _left_to_send(config))  # in too short a time not all is taken over
    print(f"{result.delivered} delivered, {waiting} still waiting, {lost} lost.")
    for reason, count in sorted(result.dropped.items()):
        print(f"Lost: {count}, {reason}.")
    if waiting:
        print("`xray-trace check` says what is wrong.")
    return 1 if waiting or lost else 0


def _left_to_send(config: Config) -> int:
    left = [entry for entry in spool_entries(config) if _is_purgeable(entry, config)]
    return sum(entry.events for entry in left if entry.kind not in _SET_ASIDE)


def _purge(config: Config, chosen: argparse.Namespace) -> int:
    left = [entry for entry in spool_entries(config) if _is_purgeable(entry, config)]
    if not left:
        print("Nothing waits for this server and key that a program left which is gone.")
        return 0
    if not chosen.yes:
        print(
            f"{len(left)} files with {sum(entry.events for entry in left)} events would be deleted and never "
            "reach the server. Repeat the command with --yes to do it, or send them with `xray-trace spool flush`."
        )
        return 1
    print(f"{purge(config)} files deleted.")
    return 0


def _is_purgeable(entry: SpoolEntry, config: Config) -> bool:
    return entry.destination == config.destination and not entry.alive


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1000 else f"{count / 1000:.1f} kB"


def _check(config: Config, chosen: argparse.Namespace) -> int:
    checks: tuple[Callable[[Config], list[Finding]], ...] = (_check_settings, _check_server, _check_spool)
    findings = [finding for check in checks for finding in check(config)]
    for finding in findings:
        print(("ok   " if finding.good else "BAD  ") + finding.sentence)
    return 0 if all(finding.good for finding in findings) else 1


def _check_settings(config: Config) -> list[Finding]:
    findings = [Finding(False, f"{warning}.") for warning in config.warnings]
    if not config.enabled:
        findings.append(Finding(False, "Tracing is switched off (XRAY_ENABLED): nothing is recorded."))
    if config.sample_rate == 0:
        findings.append(Finding(False, "The sample rate is 0 (XRAY_SAMPLE_RATE): no trace is recorded."))
    return findings or [Finding(True, "The settings can be used.")]


def _check_server(config: Config) -> list[Finding]:
    if config.api_key is None:
        return [
            Finding(
                False,
                "There is no API key: set XRAY_API_KEY, or start a server here with `xray-backend up`, "
                "which writes one to ~/.xray-trace/credentials.json. Without a key nothing is recorded.",
            )
        ]
    try:
        status, reason, is_ours = _probe(config.base_url, config.api_key)
    except DeliveryError as error:
        return [Finding(False, str(error))]
    return [_judge(config.base_url, status, reason, is_ours=is_ours)]


def _judge(base_url: str, status: int, reason: str, *, is_ours: bool) -> Finding:
    """Say what the answer to an empty batch means; a server that takes the key finds fault with the batch alone."""
    if not is_ours:
        return Finding(False, f"What answers at {base_url} is no X-Ray server (status {status}); check XRAY_BASE_URL.")
    if status == 400:
        return Finding(True, f"The server at {base_url} answers and takes the API key.")
    if status in (401, 403):
        return Finding(
            False,
            f"The server at {base_url} refuses the API key ({status}): {reason} "
            "Check XRAY_API_KEY; the key may have been revoked, or belong to another server.",
        )
    return Finding(False, f"The server at {base_url} takes no events now ({status}): {reason}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key goes to the server that was named, and nowhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Refuse to follow."""


def _probe(base_url: str, api_key: str) -> tuple[int, str, bool]:
    """Send an empty batch; return the status, the server's sentence, and whether it was an answer of X-Ray's.

    Raises DeliveryError if there was no answer.
    """
    request = urllib.request.Request(  # noqa: S310 - the configuration admits http and https only
        f"{base_url}/api/v1/ingest",
        data=b'{"events":[]}',
        headers={"Content-Type": "application/json", "x-api-key": api_key},
    )
    opener = urllib.request.build_opener(_NoRedirect, *_proxies(base_url))
    try:
        with opener.open(request, timeout=_PROBE_TIMEOUT_SECONDS) as answer:
            return answer.status, "", False  # an X-Ray server refuses an empty batch
    except urllib.error.HTTPError as error:
        with error:
            sentence = _sentence(error.read(_ANSWER_MAX_BYTES))
        return error.code, sentence or "", sentence is not None
    except (OSError, HTTPException) as error:
        raise DeliveryError(f"The server at {base_url} cannot be reached: {_why_unreachable(error)}") from error


def _proxies(base_url: str) -> list[urllib.request.ProxyHandler]:
    """Do as the SDK does: the environment's proxies are used, but never for this machine itself."""
    is_here = urlsplit(base_url).hostname in {"localhost", "127.0.0.1", "::1"}
    return [urllib.request.ProxyHandler({})] if is_here else []


def _sentence(body: bytes) -> str | None:
    """Return the sentence of an error as the wire contract has it; None for any other body."""
    try:
        found = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(found, str):
        return None
    return found if found.endswith(".") else f"{found}."


def _why_unreachable(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ConnectionRefusedError):
        return "nothing listens there. Is it running? Is the port in XRAY_BASE_URL right?"
    if isinstance(reason, socket.gaierror):
        return "its name is not known. Check XRAY_BASE_URL."
    if isinstance(reason, TimeoutError):
        return f"it did not answer within {_PROBE_TIMEOUT_SECONDS:g} s."
    if isinstance(reason, ssl.SSLError):
        return f"the encrypted connection failed ({reason.reason or 'TLS'}). Is it https? Is its certificate trusted?"
    if isinstance(reason, HTTPException):
        return "what answers there does not speak HTTP."
    return f"{reason}."


def _check_spool(config: Config) -> list[Finding]:
    """Do what a program does: take the directory, lock it, write, and clean up."""
    try:
        storage = DiskStorage(config.spool_dir, config.destination, config.max_spool_bytes)
        try:
            name = storage.new_name(STAGED)
            storage.write(name, _PROBE_CONTENT)
            storage.remove(name)
        finally:
            storage.release()
    except SpoolError as error:
        return [
            Finding(
                False,
                f"The spool cannot be used: {error}. Until XRAY_SPOOL_DIR names a directory of your own, "
                "events wait in memory, and are lost with their process.",
            )
        ]
    if storage.directory != config.spool_dir:
        return [
            Finding(True, f"{config.spool_dir} is not yours to use, so the spool is {storage.directory}; it works.")
        ]
    return [Finding(True, f"The spool {storage.directory} works.")]

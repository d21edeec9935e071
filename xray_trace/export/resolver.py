"""Looking up a host's name without the event loop's executor, whose threads the interpreter's exit waits for."""

import asyncio
import contextlib
import socket
import threading

from aiohttp.abc import AbstractResolver, ResolveResult

__all__ = ["DaemonResolver"]

_Address = tuple[int, str]


class DaemonResolver(AbstractResolver):
    """Looks each name up in a daemon thread of its own, which nobody joins.

    `asyncio.getaddrinfo` would use an executor: at exit it refuses new work, and one look-up that hangs holds
    the exit up past every deadline. While the interpreter is shutting down no thread can be started; then the
    look-up is done in place, in our own background thread, which nobody joins either.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the host's addresses.

        Raises OSError if the name is not known.
        """
        found: asyncio.Future[list[_Address]] = asyncio.get_running_loop().create_future()
        worker = threading.Thread(
            target=_look_up, args=(host, port, family, found), name="xray-trace-resolver", daemon=True
        )
        try:
            worker.start()
        except RuntimeError:
            return _results(host, port, _addresses(host, port, family))
        return _results(host, port, await found)

    async def close(self) -> None:
        """Leave running look-ups to end by themselves."""


def _look_up(host: str, port: int, family: int, found: "asyncio.Future[list[_Address]]") -> None:
    try:
        addresses = _addresses(host, port, family)
    except OSError as error:
        _tell(found, None, error)
    else:
        _tell(found, addresses, None)


def _tell(found: "asyncio.Future[list[_Address]]", addresses: list[_Address] | None, error: OSError | None) -> None:
    def settle() -> None:
        if found.done():
            return
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(addresses or [])

    with contextlib.suppress(RuntimeError):  # the loop is closed; nobody waits any more
        found.get_loop().call_soon_threadsafe(settle)


def _addresses(host: str, port: int, family: int) -> list[_Address]:
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return [(int(info[0]), str(info[4][0])) for info in infos]


def _results(host: str, port: int, addresses: list[_Address]) -> list[ResolveResult]:
    return [
        ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
        for family, address in addresses
    ]

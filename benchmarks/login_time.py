"""Whether the time of a refused log-in tells that an account exists.

    python benchmarks/login_time.py [--rounds 200]

A round tries a wrong password on an account that exists and on one that does not, in random order, over one connection
to a real server. The medians should be the same, and the median of the rounds' ratios 1. The limits on attempts are
lifted for that; the last line tells what an attempt costs that the limits refuse, with the usual ones in force.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

UNLIMITED = "1000000/minute"
READY = "X-Ray server ready at "


def main() -> int:
    """Start the server, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)  # a busy machine's jitter is 10 % of one; 1 % of so many
    rounds = parser.parse_args().rounds
    unlimited = {"XRAY_LOGIN_RATE_PER_ACCOUNT": UNLIMITED, "XRAY_LOGIN_RATE_PER_ADDRESS": UNLIMITED}
    with _connected(unlimited) as connection:
        known, unknown = _measured(connection, rounds)
    ratios = [one / other for one, other in zip(known, unknown, strict=True)]
    quartiles = statistics.quantiles(ratios)
    print(f"{rounds} rounds, refused log-ins, ms")
    print(f"  known e-mail    median {statistics.median(known) * 1000:7.2f}")
    print(f"  unknown e-mail  median {statistics.median(unknown) * 1000:7.2f}")
    print(f"  known/unknown   median {quartiles[1]:7.3f}   (quartiles {quartiles[0]:.3f} to {quartiles[2]:.3f})")
    with _connected({}) as connection:
        while _log_in(connection, "nobody@example.org")[0] != 429:
            pass
        limited = [_log_in(connection, "nobody@example.org")[1] for _ in range(rounds)]
    print(f"  over the limit  median {statistics.median(limited) * 1000:7.2f}")
    return 0


def _measured(connection: HTTPConnection, rounds: int) -> tuple[list[float], list[float]]:
    times: dict[str, list[float]] = {"known@example.org": [], "other@example.org": []}
    account = {"email": "known@example.org", "password": "the right one", "name": "Known"}
    _post(connection, "/api/v1/auth/register", account)
    for number in range(rounds + 1):
        for email in random.sample(list(times), 2):
            status, seconds = _log_in(connection, email)
            assert status == 401, status
            if number:  # the first round opens connections to the database
                times[email].append(seconds)
    return times["known@example.org"], times["other@example.org"]


def _log_in(connection: HTTPConnection, email: str) -> tuple[int, float]:
    began = time.perf_counter()
    status = _post(connection, "/api/v1/auth/login", {"email": email, "password": "a wrong one"})
    return status, time.perf_counter() - began


def _post(connection: HTTPConnection, path: str, fields: dict[str, str]) -> int:
    connection.request("POST", path, msgspec.json.encode(fields), {"Content-Type": "application/json"})
    answered = connection.getresponse()
    answered.read()
    return answered.status


@contextmanager
def _connected(settings: dict[str, str]) -> Iterator[HTTPConnection]:
    """Run a server of its own on a free port."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XRAY_")}
    command = [sys.executable, "-c", "import sys; from xray_backend.cli import main; sys.exit(main())"]
    with tempfile.TemporaryDirectory(prefix="xray-bench-") as folder:
        process = subprocess.Popen(
            [*command, "up", "--port", "0", "--data-dir", str(Path(folder, "data"))],
            env={**kept, **settings},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            url = next(line.removeprefix(READY).strip() for line in process.stdout if line.startswith(READY))
            yield HTTPConnection(urlsplit(url).netloc, timeout=60)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


if __name__ == "__main__":
    sys.exit(main())

"""Runs the server as it is distributed, with all its parts as processes of this machine.

    make up-live      until Ctrl-C
    make demo-live    as long as the demo takes

The parts are Apache Kafka, SecantusDB in MongoDB's place, MinIO in S3's, the API, and two consumers. All they keep is
in a temporary folder, which goes with them.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests
from competitor_discovery import FOLDER
from demo import (
    WIDTH_WITHOUT_TERMINAL,
    DemoFailed,
    reader_of,
    record,
    show_one_trace,
    show_the_fault,
    show_the_schema,
    tracing,
)
from local_server import Credentials
from reader import Reader, ReadFailed
from rich.console import Console

from tests.servers.cluster import Cluster
from tests.servers.process import ServerFailed

STORED_SECONDS = 60.0  # the consumers have it in less than one; a machine that is busy starting Java deserves patience
LOOK_SECONDS = 0.1
HTTP_SECONDS = 30.0
PASSWORD_OF_THE_DEMO = "correct horse battery staple"


def main() -> int:
    """Run it; 0 if all went well, 1 with one sentence if not, 130 if the demo was interrupted."""
    parser = argparse.ArgumentParser(description="Run the distributed server on this machine.")
    parser.add_argument("--demo", action="store_true", help="run the demo against it, then end")
    is_demo: bool = parser.parse_args().demo
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up as after Ctrl-C
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    try:
        run(console, is_demo)
    except KeyboardInterrupt:
        print("Interrupted; nothing is left running.", file=sys.stderr)
        return 130 if is_demo else 0
    except (DemoFailed, ReadFailed, ServerFailed, OSError) as error:
        print(f"It failed: {error}", file=sys.stderr)
        return 1
    return 0


def run(console: Console, is_demo: bool) -> None:
    """Start all parts, and run the demo or wait for a signal."""
    with tempfile.TemporaryDirectory(prefix="xray-live-") as name:
        folder = Path(name)
        console.print("Starting Kafka, MongoDB's and S3's stand-ins, the API and two consumers …", style="dim")
        with Cluster(folder) as cluster:
            tell(console, cluster)
            if is_demo:
                show_the_demo(console, cluster, folder)
            else:
                signal.pause()


def tell(console: Console, cluster: Cluster) -> None:
    """Show where all is."""
    console.print(f"API        {cluster.api.url}   (described at {cluster.api.url}/docs)")
    for consumer in cluster.consumers:
        console.print(f"consumer   {consumer.url}/metrics")
    console.print(f"Kafka      {cluster.kafka.servers}")
    console.print(f"MongoDB    {cluster.mongodb.url}")
    console.print(f"S3         {cluster.s3.endpoint.url}\n", soft_wrap=True)


def show_the_demo(console: Console, cluster: Cluster, folder: Path) -> None:
    """Record the demo's pipeline, and show it once the consumers have stored it."""
    credentials = new_account(cluster.api.url)
    with tracing(credentials, folder / "spool"):
        record(console)
        reader = reader_of(credentials)
        wait_until_stored(reader)
        show_one_trace(console, reader)
        show_the_fault(console, reader)
        show_the_schema(console, reader)


def new_account(base_url: str) -> Credentials:
    """Register somebody, with a project and a key."""
    email = "demo@example.org"
    person = {"email": email, "password": PASSWORD_OF_THE_DEMO, "name": "Demo"}
    token = _post(f"{base_url}/api/v1/auth/register", person, "")["token"]
    project_id = _post(f"{base_url}/api/v1/projects", {"name": "Demo"}, token)["project"]["projectId"]
    key = _post(f"{base_url}/api/v1/projects/{project_id}/keys", {"name": "Demo"}, token)["apiKey"]["key"]
    return Credentials(base_url, project_id, key, email, PASSWORD_OF_THE_DEMO)


def wait_until_stored(reader: Reader) -> None:
    """Return when each run is in the database with its end. Raises `DemoFailed` if that takes too long."""
    runs = len((FOLDER / "our_products.csv").read_text(encoding="utf-8").splitlines()) - 1
    deadline = time.monotonic() + STORED_SECONDS
    while len(reader.traces_where({"status": {"$ne": "pending"}})) < runs:
        if time.monotonic() > deadline:
            raise DemoFailed(f"the consumers did not store all {runs} runs within {STORED_SECONDS:.0f} s.")
        time.sleep(LOOK_SECONDS)


def _post(url: str, body: dict[str, str], token: str) -> dict[str, Any]:
    answered = requests.post(url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=HTTP_SECONDS)
    answered.raise_for_status()
    found: dict[str, Any] = answered.json()
    return found


if __name__ == "__main__":
    sys.exit(main())

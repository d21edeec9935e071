"""Traces a real pipeline from end to end on this machine, then finds the fault that was left in it.

    make demo

Starts a server on a free port with a temporary data directory, runs `competitor_discovery.py` for a few dozen
products, reads the traces back over the REST API, shows them, and leaves nothing behind.
"""

import argparse
import asyncio
import csv
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from competitor_discovery import FOLDER, Catalogue, MarketNotes, NoCompetitor, discover
from local_server import Credentials, LocalServer, ServerFailed
from reader import Reader, ReadFailed
from rich.console import Console
from rich.progress import track
from rich.table import Table
from show import faults_table, schema_tree, trace_tree

import xray_trace as xray

WIDTH_WITHOUT_TERMINAL = 100  # a log or a picture has no width of its own; this one is easy to read
FLUSH_TIMEOUT_SECONDS = 30.0  # a few hundred events to this machine take less than one
EMPTY_CONTEXT = {"inputs.context.length": 0}


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


def main() -> int:
    """Run the demo; 0 if all went well, 1 with one sentence if not, 130 if it was interrupted."""
    parser = argparse.ArgumentParser(description="Trace a real pipeline and find the fault in it.")
    parser.add_argument("--svg", metavar="FILE", type=Path, help="also save the heart of it as a picture")
    svg: Path | None = parser.parse_args().svg
    return ended(lambda console: run(console, svg), Console(record=True, highlight=False) if svg else None)


def ended(program: Callable[[Console], None], console: Console | None = None) -> int:
    """Run a program that prints, and return what it exits with."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up as after Ctrl-C
    console = console or Console(highlight=False)
    if console.record or not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    try:
        program(console)
    except KeyboardInterrupt:
        print("Interrupted; nothing is left running.", file=sys.stderr)
        return 130
    except (DemoFailed, ReadFailed, ServerFailed, OSError) as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    return 0


def run(console: Console, svg: Path | None) -> None:
    """Go through the demo's chapters, with a server that lives as long as they take."""
    with recording_server(console) as credentials:
        record(console)
        reader = reader_of(credentials)
        show_one_trace(console, reader)
        show_the_fault(console, reader)
        if svg is not None:
            svg.write_text(picture(console), encoding="utf-8")
        show_the_schema(console, reader)
    show_where_to_look_next(console)


@contextmanager
def recording_server(console: Console) -> Iterator[Credentials]:
    """Have a server in a temporary folder, which takes what is traced meanwhile."""
    with tempfile.TemporaryDirectory(prefix="xray-demo-") as folder:
        console.print("Starting a server on a free port …", style="dim")
        with LocalServer(Path(folder) / "server") as credentials, tracing(credentials, Path(folder) / "spool"):
            yield credentials


def reader_of(credentials: Credentials) -> Reader:
    """Log in as the server's first user."""
    return Reader(credentials.base_url, credentials.project_id, credentials.email, credentials.password)


@contextmanager
def tracing(credentials: Credentials, spool: Path) -> Iterator[None]:
    """Send what is traced to this server, and let go of all files at the end."""
    xray.configure(
        api_key=credentials.api_key,
        base_url=credentials.base_url,
        project_id=credentials.project_id,
        spool_dir=spool,
    )
    try:
        yield
    finally:
        xray.shutdown(timeout_seconds=0)  # whatever is to be delivered has been by now


def record(console: Console) -> None:
    """Run the pipeline for each product, and wait until the server has all of it."""
    started = time.monotonic()
    answered, without_answer = run_pipeline(console)
    seconds = time.monotonic() - started
    result = xray.flush(timeout_seconds=FLUSH_TIMEOUT_SECONDS)
    if result.pending or result.dropped:
        raise DemoFailed(f"{result.pending} events were not delivered, and of others were lost: {result.dropped}.")
    if not result.delivered:
        raise DemoFailed("nothing was recorded; is XRAY_ENABLED set to 0?")
    console.print(
        f"{answered} products have a competitor, {without_answer} has none: {seconds:.1f} s. "
        f"The server has {result.delivered} events.\n"
    )


def run_pipeline(console: Console) -> tuple[int, int]:
    """Look for the competitor of each of our products; tell how many have one, and how many have none."""
    catalogue, market_notes = Catalogue(), MarketNotes()
    with (FOLDER / "our_products.csv").open(encoding="utf-8", newline="") as file:
        products = [(row["title"], row["category"]) for row in csv.DictReader(file)]
    without_answer = 0
    for title, category in track(products, "Looking for competitors", console=console):
        try:
            asyncio.run(discover(title, category, catalogue, market_notes))
        except NoCompetitor:
            without_answer += 1
        except RuntimeError as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # asyncio's own, if that struck at the end of a run
                raise KeyboardInterrupt from None
            raise
    return len(products) - without_answer, without_answer


def show_one_trace(console: Console, reader: Reader) -> None:
    """Show a run that went well, every value as it was recorded."""
    console.rule("One run, step by step", align="left")
    trace_id = reader.traces_where({"metadata.product": "Steel bottle"})[0]["traceId"]
    found = reader.trace(trace_id)
    console.print(trace_tree(found["trace"], found["steps"], lambda data_id: reader.value(trace_id, data_id)))


def show_the_fault(console: Console, reader: Reader) -> None:
    """Ask which runs ranked without a context, and what they have in common."""
    console.print()
    console.rule("Which runs ranked their candidates without any context?", align="left")
    console.print(f'POST /api/v1/projects/…/query  {{"filter": {EMPTY_CONTEXT}}}\n'.replace("'", '"'), style="dim")
    steps = reader.steps_where(EMPTY_CONTEXT)
    if not steps:
        raise DemoFailed("the query for the runs with an empty context found none, and there are some.")
    trace_ids = [step["traceId"] for step in steps]
    traces = {trace["traceId"]: trace for trace in reader.traces_where({"traceId": {"$in": trace_ids}})}
    console.print(faults_table(steps, traces))
    categories = sorted({trace["metadata"]["category"] for trace in traces.values()})
    console.print(
        f"\n{len(steps)} runs, all green, all of the category [red]{' and '.join(categories)}[/]:\n"
        "look_up_market_notes found nothing for it, raised nothing, and the ranking\ndid without."
    )


def show_the_schema(console: Console, reader: Reader) -> None:
    """Show what can be asked for, as the server learned it from what came."""
    console.print()
    console.rule("What the steps' metadata looks like (nobody declared it)", align="left")
    console.print(schema_tree(reader.schema()))


def picture(console: Console) -> str:
    """Return what was printed so far as an SVG that asks no other host for its fonts."""
    return re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="make demo"), flags=re.DOTALL)


def show_where_to_look_next(console: Console) -> None:
    """Name the next things to try."""
    console.print()
    console.rule("Next", align="left")
    table = Table.grid(padding=(0, 2))
    table.add_row("make up", "keeps a server on port 3000; see /docs there")
    table.add_row("README.md", "traces a function of your own")
    table.add_row("examples/competitor_discovery.py", "the pipeline that ran, fault included")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())

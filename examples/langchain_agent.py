"""Traces an agent of LangGraph without touching it, and finds the runs in which its tool had nothing to say.

    make demo-langchain

Starts a server on a free port with a temporary data directory, asks the agent of `weather_agent.py` about some cities,
shows one run step by step, and leaves nothing behind.
"""

import sys

import xray_langchain
from demo import FLUSH_TIMEOUT_SECONDS, DemoFailed, ended, reader_of, recording_server
from reader import Reader
from rich.console import Console
from show import trace_tree
from weather_agent import advise

import xray_trace as xray

CITIES = ("Oslo", "Madrid", "Lima", "Kyoto", "Quito")
NOTHING_FOUND = {"stepName": "look_up_weather", "output.length": 0}


def main() -> int:
    """Run it; 0 if all went well, 1 with one sentence if not, 130 if it was interrupted."""
    return ended(run)


def run(console: Console) -> None:
    """Ask, show a run, and ask which ones had no weather."""
    with recording_server(console) as credentials:
        ask(console)
        show(console, reader_of(credentials))


def ask(console: Console) -> None:
    """Ask the agent about each city, one trace each."""
    xray_langchain.install()
    for city in CITIES:
        with xray.trace("advice", metadata={"city": city}):
            console.print(f"{city}: {advise(city)}")
    result = xray.flush(FLUSH_TIMEOUT_SECONDS)
    if result.pending or result.dropped or not result.delivered:
        raise DemoFailed(
            f"of what was recorded, {result.delivered} events were delivered and {result.pending} were not."
        )


def show(console: Console, reader: Reader) -> None:
    """Show the first of the runs without weather, and name all of them."""
    console.print()
    console.rule("In which runs had the tool nothing to say?", align="left")
    console.print(f'POST /api/v1/projects/…/query  {{"filter": {NOTHING_FOUND}}}\n'.replace("'", '"'), style="dim")
    trace_ids = [step["traceId"] for step in reader.steps_where(NOTHING_FOUND)]
    if not trace_ids:
        raise DemoFailed("the query found no run without weather, and there are some.")
    cities = sorted(trace["metadata"]["city"] for trace in reader.traces_where({"traceId": {"$in": trace_ids}}))
    console.print(f"[red]{' and '.join(cities)}[/]: the model answered all the same. One of them, step by step:\n")
    found = reader.trace(trace_ids[0])
    console.print(trace_tree(found["trace"], found["steps"], lambda data_id: reader.value(trace_ids[0], data_id)))


if __name__ == "__main__":
    sys.exit(main())

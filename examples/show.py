"""What the demo prints: a trace as a numbered tree, a query's results as a table, the schema as a tree."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

__all__ = ["faults_table", "schema_tree", "trace_tree"]

Document = Mapping[str, Any]
ReadValue = Callable[[str], object]
"""Gives the captured value that has this data id."""

PREVIEW_CHARACTERS = 200  # wider than most terminals; what does not fit is cut off there
ARROWS = {"input": "[green]→[/]", "output": "[magenta]←[/]"}


def trace_tree(trace: Document, steps: Iterable[Document], read: ReadValue) -> Tree:
    """Draw a trace: each step under the one that it ran in, with its duration, inputs and output."""
    title = [f"[bold]{escape(trace['name'])}[/]", escape(str(trace["metadata"].get("product", "")))]
    root = Tree("  ".join([part for part in title if part] + [_status(trace["status"])]), guide_style="dim")
    children: dict[str | None, list[Document]] = defaultdict(list)
    for step in steps:
        children[step.get("parentStepId")].append(step)
    _add_steps(root, None, children, read)
    return root


def _add_steps(
    tree: Tree, parent_id: str | None, children: Mapping[str | None, list[Document]], read: ReadValue
) -> None:
    for step in children.get(parent_id, ()):
        duration = f"[dim]{step['durationMs']:.1f} ms[/]"
        branch = tree.add(f"[bold cyan]{step['stepNumber']}[/] [bold]{escape(step['stepName'])}[/]  {duration}")
        outputs = [artifact for artifact in step["artifacts"] if artifact["type"] == "output"]
        for artifact in step["artifacts"]:
            if artifact not in outputs:
                branch.add(_artifact_line(step, artifact, read))
        _add_steps(branch, step["stepId"], children, read)
        for artifact in outputs:
            branch.add(_artifact_line(step, artifact, read))


def _artifact_line(step: Document, artifact: Document, read: ReadValue) -> Text:
    arrow = Text.from_markup(ARROWS.get(artifact["type"], "·"))
    summary = step.get("inputs", {}).get(artifact["key"], {}) if artifact["type"] == "input" else step["output"]
    type_name, length = summary["type"].rpartition(".")[2], summary.get("length")
    size = f"{type_name}[{length}]" if isinstance(length, int) else type_name
    style = "bold red" if length == 0 else "yellow"
    value = _preview(read(artifact["dataId"]))
    line = Text.assemble(arrow, " ", artifact["key"], " ", (size, style), " ", (value, "dim"), overflow="ellipsis")
    line.no_wrap = True
    return line


def _preview(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, bytes) else f"{len(value)} bytes"
    return text if len(text) <= PREVIEW_CHARACTERS else text[: PREVIEW_CHARACTERS - 1] + "…"


def _status(status: str) -> str:
    colour = {"success": "green", "failure": "red"}.get(status, "yellow")
    return f"[{colour}]{status}[/]"


def faults_table(steps: Iterable[Document], traces: Mapping[str, Document]) -> Table:
    """List the steps that a query found, each with what its trace tells of the run."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in ("step", "product", "category", "context", "answered all the same"):
        table.add_column(column, no_wrap=True)
    for step in steps:
        metadata = traces[step["traceId"]]["metadata"]
        table.add_row(
            f"{step['stepNumber']} {escape(step['stepName'])}",
            escape(metadata["product"]),
            f"[red]{escape(metadata['category'])}[/]",
            f"[bold red]{step['inputs']['context']['length']} notes[/]",
            escape(metadata["selectedTitle"]),
        )
    return table


def schema_tree(schema: Document) -> Tree:
    """Draw the metadata's shape."""
    root = Tree("step metadata", guide_style="dim")
    _add_fields(root, schema)
    return root


def _add_fields(tree: Tree, fields: Document) -> None:
    for name, shape in sorted(fields.items()):
        if isinstance(shape, Mapping):
            _add_fields(tree.add(escape(name)), shape)
        else:
            tree.add(f"{escape(name)}  [yellow]{escape(shape)}[/]")

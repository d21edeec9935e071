"""What is written about a run besides its values: `langchain` in its step's metadata, and its name."""

from typing import Any

from xray_langchain.run import Metadata, Run

__all__ = ["Told", "describe", "name_of"]

Told = dict[str, Any]
"""What LangChain says in a callback beside the values: `parent_run_id`, `tags`, `metadata`, `name` and more."""


def name_of(kind: str, serialized: Any) -> str:
    """Return the name of a run that LangChain says none of: that of what runs, else its kind."""
    name = (serialized.get("name") or (serialized.get("id") or (None,))[-1]) if serialized else None
    return kind if name is None else str(name)


def describe(kind: str, run: Run, told: Told, gen_ai: dict[str, Any] | None) -> Metadata:
    """Return a run's metadata as it begins."""
    langchain: dict[str, Any] = {"run_id": str(run.run_id), "run_type": kind}
    if not run.is_below and told.get("parent_run_id") is not None:
        langchain["parent_run_id"] = str(told["parent_run_id"])
    tags, metadata = told.get("tags"), told.get("metadata")
    if tags:
        langchain["tags"] = tags
    own = {key: value for key, value in metadata.items() if not _is_langsmiths(key)} if metadata else None
    if own:
        langchain["metadata"] = own
    return {"langchain": langchain} if gen_ai is None else {"langchain": langchain, "gen_ai": gen_ai}


def _is_langsmiths(key: object) -> bool:
    """Tell whether LangChain has put this there for LangSmith; what it says is told under the conventions' names."""
    return isinstance(key, str) and (key.startswith("ls_") or key == "lc_versions")

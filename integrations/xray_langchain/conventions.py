"""What the OpenTelemetry semantic conventions for GenAI have a name for, under these names, as nested objects."""

from collections.abc import Mapping
from typing import Any

__all__ = ["of_answer", "of_chain", "of_model", "of_tool"]

_PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""LangChain's names of providers where the conventions have another."""

_REQUEST = {
    "model": ("model", "model_name", "model_id"),
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens"),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "frequency_penalty": ("frequency_penalty",),
    "presence_penalty": ("presence_penalty",),
    "seed": ("seed",),
    "stop_sequences": ("stop", "stop_sequences"),
}
"""Each name of the conventions, and those that models give it."""

_TRACED = {
    "model": "ls_model_name",
    "temperature": "ls_temperature",
    "max_tokens": "ls_max_tokens",
    "stop_sequences": "ls_stop",
}
"""What LangChain itself has read out of the model."""


def of_model(operation: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Tell of a call to a model, by what LangChain says of it as it begins."""
    parameters, metadata = said.get("invocation_params") or {}, said.get("metadata") or {}
    told: dict[str, Any] = {"operation": {"name": operation}}
    provider = metadata.get("ls_provider")
    if provider:
        told["provider"] = {"name": _PROVIDERS.get(provider, provider)}
    request = {name: _first(parameters, names) for name, names in _REQUEST.items()}
    request.update((name, metadata[key]) for name, key in _TRACED.items() if metadata.get(key) is not None)
    if isinstance(parameters.get("n"), int):
        request["choice"] = {"count": parameters["n"]}
    known = {name: value for name, value in request.items() if value is not None}
    return {**told, "request": known} if known else told


def of_tool(name: str, call_id: object) -> dict[str, Any]:
    """Tell of a call of a tool."""
    tool: dict[str, Any] = {"name": name}
    if call_id is not None:
        tool["call"] = {"id": call_id}
    return {"operation": {"name": "execute_tool"}, "tool": tool}


def of_chain(name: str, metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell of a chain where it is an agent or a graph; None where it is a chain like any other."""
    if metadata.get("lc_agent_name") == name:
        return {"operation": {"name": "invoke_agent"}, "agent": {"name": name}}
    if metadata.get("ls_integration") == "langgraph" and "langgraph_node" not in metadata:
        return {"operation": {"name": "invoke_workflow"}, "workflow": {"name": name}}
    return None


def of_answer(message: object, generation: Mapping[str, Any], output: Mapping[str, Any]) -> dict[str, Any]:
    """Tell of a model's answer: its message if it is a chat model, and what is said beside it."""
    said = {**output, **generation, **(getattr(message, "response_metadata", None) or {})}
    told: dict[str, Any] = {"model": _first(said, ("model_name", "model")), "id": said.get("id")}
    reason = _first(said, ("finish_reason", "stop_reason", "done_reason"))
    told["finish_reasons"] = None if reason is None else [reason]
    response = {name: value for name, value in told.items() if value is not None}
    counts = getattr(message, "usage_metadata", None) or said.get("token_usage")
    usage = _usage(counts) if isinstance(counts, Mapping) else None
    return {name: values for name, values in (("response", response), ("usage", usage)) if values}


def _usage(counts: Mapping[str, Any]) -> dict[str, Any]:
    read = counts.get("input_token_details") or {}
    written = counts.get("output_token_details") or {}
    usage = {
        "input_tokens": _first(counts, ("input_tokens", "prompt_tokens")),
        "output_tokens": _first(counts, ("output_tokens", "completion_tokens")),
        "cache_read": _tokens("input_tokens", read.get("cache_read")),
        "cache_creation": _tokens("input_tokens", read.get("cache_creation")),
        "reasoning": _tokens("output_tokens", written.get("reasoning")),
    }
    return {name: value for name, value in usage.items() if value is not None}


def _tokens(name: str, count: object) -> dict[str, object] | None:
    return None if count is None else {name: count}


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)

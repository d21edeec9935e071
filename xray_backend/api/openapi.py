"""The OpenAPI document, made from the routes and from what is described at each view."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
from apispec import APISpec
from flask import Flask
from werkzeug.routing import Rule

from xray_backend.api.described import Credentials, Description, description_of

__all__ = ["openapi_document"]

VERSION = "1.0.0"  # of the wire contract
_REFUSALS = {
    400: "The input is wrong; the sentence says what and where.",
    401: "There are no credentials, or wrong ones.",
    403: "Not yours; the same whether it exists or not.",
    404: "It is not there.",
    409: "It is there already, or was deleted for good.",
    413: "More than the limits allow.",
    415: "The body has a type or an encoding that is not taken.",
    416: "The range has none of the bytes.",
    429: "Too many attempts, or deletions, in a short time.",
    503: "A part of the server is away, or the question took too long; the same request may be repeated.",
}
_RANGE_HEADERS = {
    "Accept-Ranges": "`bytes`: a range may be asked for.",
    "ETag": "Which upload the bytes are from; `If-Range` takes it.",
}
_CONTENT_RANGE = {"Content-Range": "Which bytes of how many."}
_RETRY_AFTER = {"Retry-After": "After how many seconds to try again."}
_REFUSAL_HEADERS: dict[int, Mapping[str, str]] = {416: _CONTENT_RANGE, 429: _RETRY_AFTER, 503: _RETRY_AFTER}
_BY_CREDENTIALS: dict[Credentials, tuple[int, ...]] = {
    "token": (401, 503),
    "key": (401, 503),
    "signature": (403,),
    None: (),
}
_SECURITY: dict[Credentials, list[dict[str, list[str]]]] = {
    "token": [{"token": []}],
    "key": [{"key": []}],
    "signature": [],
    None: [],
}


class Refusal(msgspec.Struct, omit_defaults=True):
    """Every answer that says no."""

    error: str
    details: Any = None


@dataclass(frozen=True)
class _Operation:
    path: str
    method: str
    name: str
    view: Callable[..., object]
    description: Description
    answer_type: Any


def openapi_document(app: Flask, base_url: str) -> dict[str, Any]:
    """Describe every route of the application. Raises `TypeError` if a view has no description."""
    spec = APISpec(
        title="X-Ray",
        version=VERSION,
        openapi_version="3.1.0",
        info={
            "description": "Records what went into and what came out of each step of a pipeline, and finds it again."
        },
        servers=[{"url": base_url}],
    )
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    spec.components.security_scheme("key", {"type": "apiKey", "in": "header", "name": "x-api-key"})
    operations = list(_operations(app))
    schema_of = _add_schemas(spec, operations)
    for operation in operations:
        spec.path(operation.path, operations={operation.method: _described(operation, schema_of)})
    return spec.to_dict()


def _operations(app: Flask) -> Iterator[_Operation]:
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield _operation(app, rule, method.lower())


def _operation(app: Flask, rule: Rule, method: str) -> _Operation:
    view = app.view_functions[rule.endpoint]
    description = description_of(view)
    if description is None:
        raise TypeError(f"{rule.rule} has no description")
    name = "".join(part.capitalize() for part in view.__name__.split("_"))
    answer_type: Any = description.answer
    if not isinstance(answer_type, str):
        answer_type = msgspec.defstruct(f"{name}Answer", [_field(*pair) for pair in answer_type.items()])
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: "{" + _camel(match[1]) + "}", rule.rule)
    return _Operation(path, method, name[0].lower() + name[1:], view, description, answer_type)


def _field(name: str, kind: Any) -> Any:
    """Declare a field of an answer; one that may be unset is not required."""
    if msgspec.UnsetType in get_args(kind):
        return name, kind, msgspec.UNSET
    return name, kind


def _add_schemas(spec: APISpec, operations: list[_Operation]) -> Callable[[Any], Mapping[str, Any]]:
    types = [Refusal]
    for operation in operations:
        types += [kind for kind in (operation.answer_type, operation.description.body) if _is_typed(kind)]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for name, component in components.items():
        spec.components.schema(name, component)
    by_type = dict(zip(types, schemas, strict=True))
    return by_type.__getitem__


def _described(operation: _Operation, schema_of: Callable[[Any], Mapping[str, Any]]) -> dict[str, Any]:
    description = operation.description
    document: dict[str, Any] = {
        "operationId": operation.name,
        "summary": (inspect.getdoc(operation.view) or "").partition("\n")[0],
        "tags": [operation.view.__module__.rpartition(".")[2]],
        "security": _SECURITY[description.credentials],
        "parameters": [*_path_parameters(operation.path), *_other_parameters(description)],
        "responses": dict(_responses(operation, schema_of)),
    }
    if description.body is not None:
        document["requestBody"] = {"required": True, "content": _content(description.body, schema_of)}
    return document


def _responses(
    operation: _Operation, schema_of: Callable[[Any], Mapping[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    description = operation.description
    content = _content(operation.answer_type, schema_of)
    headers = {**(description.headers or {}), **(_RANGE_HEADERS if description.is_ranged else {})}
    yield "200", _response("Done.", content, headers)
    if description.is_ranged:
        yield "206", _response("The range that was asked for.", content, headers | _CONTENT_RANGE)
    refusal = {"application/json": {"schema": schema_of(Refusal)}}
    for status in _statuses(description):
        yield str(status), _response(_REFUSALS[status], refusal, _REFUSAL_HEADERS.get(status, {}))


def _response(description: str, content: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    told = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
    return {"description": description, "content": content} | ({"headers": told} if told else {})


def _statuses(description: Description) -> list[int]:
    statuses = set(description.errors) | set(_BY_CREDENTIALS[description.credentials])
    if description.is_ranged:
        statuses.add(416)
    if _is_typed(description.body):
        statuses |= {400, 413, 415, 503}
    elif description.body is not None:
        statuses |= {400, 413}
    return sorted(statuses)


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _other_parameters(description: Description) -> list[dict[str, Any]]:
    signed = {"expires": "When the URL ends.", "signature": "Proves that this server made the URL."}
    found: list[dict[str, Any]] = [
        {"name": name, "in": parameter.place, "description": parameter.description, "schema": parameter.schema}
        for name, parameter in (description.parameters or {}).items()
    ]
    if description.credentials == "signature":
        found += [
            {"name": name, "in": "query", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in signed.items()
        ]
    return found


def _content(kind: Any, schema_of: Callable[[Any], Mapping[str, Any]]) -> dict[str, Any]:
    if isinstance(kind, str):
        return {kind: {"schema": {"type": "string"}}}
    return {"application/json": {"schema": schema_of(kind)}}


def _is_typed(kind: Any) -> bool:
    return kind is not None and not isinstance(kind, str)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)

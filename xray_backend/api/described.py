"""What the OpenAPI document says of a view, written at the view."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

__all__ = ["Credentials", "Description", "Parameter", "described", "description_of"]

Credentials = Literal["token", "key", "signature", None]
View = TypeVar("View", bound=Callable[..., object])
_ATTRIBUTE = "__description__"


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query, or a header."""

    description: str
    schema: Mapping[str, object]
    place: Literal["query", "header"] = "query"


@dataclass(frozen=True)
class Description:
    """One operation: what it takes and what it answers."""

    answer: Mapping[str, Any] | str
    """The fields of the JSON object that is answered and their types, or another media type."""

    body: Any = None
    """The type of the JSON body, or a media type."""

    credentials: Credentials = None
    parameters: Mapping[str, Parameter] | None = None
    errors: tuple[int, ...] = ()
    """Statuses beside those that follow from the body and the credentials."""

    is_ranged: bool = False
    """A range of the bytes may be asked for, and comes with status 206; one that has no byte is 416."""

    headers: Mapping[str, str] | None = None
    """What headers of its own the answer has, and what they tell."""


def described(
    answer: Mapping[str, Any] | str,
    *,
    body: Any = None,
    credentials: Credentials = None,
    parameters: Mapping[str, Parameter] | None = None,
    errors: tuple[int, ...] = (),
    is_ranged: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Callable[[View], View]:
    """Describe the view below."""
    description = Description(answer, body, credentials, parameters, errors, is_ranged, headers)

    def attach(view: View) -> View:
        setattr(view, _ATTRIBUTE, description)
        return view

    return attach


def description_of(view: Callable[..., object]) -> Description | None:
    """Return what was written at a view."""
    return getattr(view, _ATTRIBUTE, None)

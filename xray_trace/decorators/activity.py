"""What a decorated callable does at each call, whatever it is made into and however it runs."""

from typing import Any, Protocol

from xray_trace.context import Scope, get_scope

__all__ = ["Activity", "Run", "Unrecorded"]


class Run(Protocol):
    """One call that is being recorded."""

    @property
    def scope(self) -> Scope | None:
        """What is current while the user's code runs."""

    def succeed(self, result: object) -> None:
        """The call returned."""

    def fail(self, error: BaseException) -> None:
        """The call raised."""

    def take(self, item: object) -> None:
        """The call is a generator, and gave this item."""

    def end_generator(self, returned: object, error: BaseException | None) -> None:
        """The call is a generator, and is over."""


class Unrecorded:
    """A call that is not recorded after all; it runs in the scope where it began."""

    def __init__(self) -> None:
        self.scope = get_scope()

    def succeed(self, result: object) -> None:
        """Do nothing."""

    def fail(self, error: BaseException) -> None:
        """Do nothing."""

    def take(self, item: object) -> None:
        """Do nothing."""

    def end_generator(self, returned: object, error: BaseException | None) -> None:
        """Do nothing."""


class Activity(Protocol):
    """What a decorated callable does at each call."""

    def is_on(self) -> bool:
        """Tell whether a call would be recorded."""

    def begin(self, instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run | None:
        """Begin a call; None where nothing is recorded. Never raises an error of ours."""

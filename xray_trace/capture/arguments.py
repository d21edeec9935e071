"""ArgumentBinder: a call's arguments by name, without `Signature.bind`, which costs ten times as much."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from xray_trace.capture.scalars import clean_text

__all__ = ["ArgumentBinder", "clean_key"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


_LONGEST_KEY = 200  # characters; the server refuses an event with a longer one
_MOST_EXTRA = 100  # each argument takes a few hundred bytes of the event, which has a limit of 256 KiB


class ArgumentBinder:
    """Binds the arguments of calls to one signature.

    `is_bound` says that the calls come without the first parameter, `self` or `cls`; `names`, where given, are the
    only ones kept; `ignore` are left out.
    Of a call that does not fit the signature it returns what can be bound: the function raises its own TypeError.
    """

    def __init__(
        self,
        signature: inspect.Signature,
        *,
        is_bound: bool = False,
        names: frozenset[str] | None = None,
        ignore: frozenset[str] = frozenset(),
    ) -> None:
        parameters = list(signature.parameters.values())
        if is_bound and parameters and parameters[0].kind in _POSITIONAL:
            parameters = parameters[1:]
        self._names = names
        self._ignore = ignore
        self._order = tuple(p.name for p in parameters)
        self._positional = tuple(p.name for p in parameters if p.kind in _POSITIONAL)
        self._by_keyword = frozenset(p.name for p in parameters if p.kind in _NAMED)
        self._defaults = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
        self._rest = _name_of(parameters, inspect.Parameter.VAR_POSITIONAL)
        self._extra = _name_of(parameters, inspect.Parameter.VAR_KEYWORD)
        is_simple = names is None and not ignore and len(self._positional) == len(parameters)
        self._simple_count = len(parameters) if is_simple else -1

    def pairs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], is_secret: Callable[[str], bool] = lambda name: False
    ) -> Iterable[tuple[str, object]]:
        """Return name and value in the signature's order: defaults applied, `*args` as one tuple, `**kwargs` each.

        Very many keyword arguments are one dict under the name of `**kwargs`, and so are those under a secret one.
        """
        if not kwargs and len(args) == self._simple_count:
            return zip(self._positional, args)  # noqa: B905 - counted above; the keyword would cost as much again
        return self._select(self._bind_all(args, kwargs, is_secret)).items()

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, object]:
        """Return the pairs as a dict."""
        return dict(self.pairs(args, kwargs))

    def _bind_all(
        self, given: tuple[Any, ...], kwargs: dict[str, Any], is_secret: Callable[[str], bool]
    ) -> dict[str, object]:
        values: dict[str, object] = dict(zip(self._positional, given, strict=False))
        if self._rest is not None:
            values[self._rest] = given[len(self._positional) :]
        extra: dict[str, object] = {}
        for name, value in kwargs.items():
            if name in self._by_keyword:
                values.setdefault(name, value)
            elif self._extra is not None:
                extra[name] = value
        bound = {name: values[name] for name in self._order if self._fill(name, values)}
        if extra and self._extra is not None and (len(extra) > _MOST_EXTRA or is_secret(self._extra)):
            return {**bound, self._extra: extra}
        for name, value in extra.items():  # whole: only the end of a long name may say that it is secret
            bound[f"{self._extra}.{name}" if name in self._order else str.__str__(name)] = value
        return bound

    def _fill(self, name: str, values: dict[str, object]) -> bool:
        """Apply the default; tell whether the parameter has a value."""
        if name not in values and name in self._defaults:
            values[name] = self._defaults[name]
        return name in values

    def _select(self, bound: dict[str, object]) -> dict[str, object]:
        if self._names is None and not self._ignore:
            return bound
        return {name: value for name, value in bound.items() if self._is_wanted(name)}

    def _is_wanted(self, name: str) -> bool:
        """Tell whether the user wants it; the name of `**kwargs` stands for all that it holds."""
        known = {name} if name in self._order or self._extra is None else {name, self._extra}
        return not known & self._ignore and (self._names is None or bool(known & self._names))


def clean_key(key: object) -> str:
    """Return an artifact's key as a text that the server takes."""
    text = key if type(key) is str else str(key)
    return clean_text(text[:_LONGEST_KEY])[:_LONGEST_KEY]


def _name_of(parameters: Iterable[inspect.Parameter], kind: inspect._ParameterKind) -> str | None:
    return next((p.name for p in parameters if p.kind is kind), None)

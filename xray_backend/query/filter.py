"""MongoDB's filter language, as JSON: checked, bounded, and made into a tree."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeGuard

from xray_backend.errors import BadRequest
from xray_backend.query.limits import QueryLimits
from xray_backend.query.operand import OperandReader
from xray_backend.query.path import PathReader, Place
from xray_backend.query.tree import And, Compare, ElemMatch, Exists, In, Node, Not, Or, Size
from xray_backend.query.types import type_test

__all__ = ["parse_filter"]

_LOGICAL: Mapping[str, Callable[[tuple[Node, ...]], Node]] = {
    "$and": And,
    "$or": Or,
    "$nor": lambda nodes: Not(Or(nodes)),
}

_Test = Callable[[Place, object, int], Node]
"""Makes a node of a place, an operator's operand, and how deep in the filter it stands."""


def parse_filter(filter: object, collection: Literal["steps", "traces"], limits: QueryLimits) -> Node:
    """Return the tree of a filter; an empty filter is true of every document.

    Raises `BadRequest` if the filter says what this language does not, or is over a limit.
    """
    return _Parser(collection, limits).document(filter, None, 1)


class _Parser:
    def __init__(self, collection: Literal["steps", "traces"], limits: QueryLimits) -> None:
        self._limits = limits
        self._clauses_left = limits.max_clauses
        self._operands = OperandReader(limits)
        self._paths = PathReader(collection, limits)
        read, read_list, read_length = self._operands.read, self._operands.read_list, self._operands.read_length
        self._operators: Mapping[str, _Test] = {
            "$eq": lambda place, value, _: Compare(place.path, "eq", read(place, value)),
            "$ne": lambda place, value, _: Not(Compare(place.path, "eq", read(place, value))),
            "$gt": lambda place, value, _: Compare(place.path, "gt", read(place, value)),
            "$gte": lambda place, value, _: Compare(place.path, "gte", read(place, value)),
            "$lt": lambda place, value, _: Compare(place.path, "lt", read(place, value)),
            "$lte": lambda place, value, _: Compare(place.path, "lte", read(place, value)),
            "$in": lambda place, value, _: In(place.path, read_list(place, "$in", value)),
            "$nin": lambda place, value, _: Not(In(place.path, read_list(place, "$nin", value))),
            "$exists": lambda place, value, _: _exists(place, value),
            "$type": lambda place, value, _: type_test(place, value),
            "$size": lambda place, value, _: _unless_typed(place, Size(place.path, read_length(place, value))),
            "$all": self._all,
            "$elemMatch": self._elem_match,
            "$not": self._not,
        }

    def document(self, filter: object, within: Place | None, depth: int) -> Node:
        """Parse a filter of documents or, within a place, of the objects in its arrays."""
        if not isinstance(filter, dict):
            raise BadRequest('A filter is an object of paths and what they must be, such as {"stepName": "rank"}.')
        self._check_depth(depth)
        return _all_of([self._entry(str(key), value, within, depth) for key, value in filter.items()])

    def _entry(self, key: str, value: object, within: Place | None, depth: int) -> Node:
        if key in _LOGICAL:
            return _LOGICAL[key](self._branches(key, value, within, depth))
        if key.startswith("$"):
            raise self._refusal(key, "at the top of a filter")
        place = self._paths.read(key, within)
        if _is_operators(value):
            return self._tests(place, value, depth)
        self._count_clause()
        return Compare(place.path, "eq", self._operands.read(place, value))

    def _branches(self, operator: str, value: object, within: Place | None, depth: int) -> tuple[Node, ...]:
        self._count_clause()
        if not isinstance(value, list) or not value:
            raise BadRequest(f"{operator} needs a list with at least one filter.")
        return tuple(self.document(branch, within, depth + 1) for branch in value)

    def _tests(self, place: Place, operators: dict[str, Any], depth: int) -> Node:
        if "$options" in operators and "$regex" not in operators:
            raise BadRequest(f"$options on '{place.name}' needs a $regex beside it.")
        nodes: list[Node] = []
        for operator, operand in operators.items():
            if operator == "$regex":
                self._count_clause()
                regex = self._operands.read_pattern(place, operand, operators.get("$options", ""))
                nodes.append(_unless_typed(place, regex))
            elif operator != "$options":
                nodes.append(self._test(place, operator, operand, depth))
        return _all_of(nodes)

    def _test(self, place: Place, operator: str, operand: object, depth: int) -> Node:
        self._count_clause()
        make = self._operators.get(operator)
        if make is not None:
            return make(place, operand, depth)
        if operator.startswith("$"):
            raise self._refusal(operator, f"on '{place.name}'")
        raise BadRequest(f"'{place.name}' has operators beside the key '{operator}'; give one or the other.")

    def _not(self, place: Place, operand: object, depth: int) -> Node:
        if not _is_operators(operand):
            raise BadRequest(f"$not on '{place.name}' needs an object of operators, such as {{\"$gt\": 5}}.")
        self._check_depth(depth + 1)
        return Not(self._tests(place, operand, depth + 1))

    def _elem_match(self, place: Place, operand: object, depth: int) -> Node:
        if not isinstance(operand, dict):
            raise BadRequest(f"$elemMatch on '{place.name}' needs an object: a filter, or operators.")
        if not _is_operators(operand) or next(iter(operand)) in _LOGICAL:
            of_objects = ElemMatch(place.path, self.document(operand, place, depth + 1), "objects")
            return _unless_typed(place, of_objects)
        self._check_depth(depth + 1)
        of_values = ElemMatch(place.path, self._tests(Place((), place.name), operand, depth + 1), "values")
        return _unless_typed(place, of_values)

    def _all(self, place: Place, operand: object, depth: int) -> Node:
        if not (isinstance(operand, list) and operand and _is_elem_match(operand[0])):
            values = self._operands.read_list(place, "$all", operand)
            return _all_of([self._equal(place, value) for value in values]) if values else Or(())
        if not all(map(_is_elem_match, operand)):
            raise BadRequest(f"$all on '{place.name}' takes $elemMatch in all of its entries or in none.")
        return _all_of([self._test(place, "$elemMatch", entry["$elemMatch"], depth) for entry in operand])

    def _equal(self, place: Place, value: object) -> Node:
        self._count_clause()
        return Compare(place.path, "eq", value)

    def _refusal(self, operator: str, where: str) -> BadRequest:
        below = [*self._operators, "$regex", "$options"]
        if operator in below:
            return BadRequest(f"The operator {operator} stands below a path, not {where}.")
        if operator in _LOGICAL:
            return BadRequest(f"The operator {operator} stands at the top of a filter, not {where}.")
        name = operator.encode("utf-8", "replace").decode()[:_SHOWN_NAME_LENGTH]
        return BadRequest(f"The operator {name} {where} is not supported; there are {' '.join([*below, *_LOGICAL])}.")

    def _check_depth(self, depth: int) -> None:
        if depth > self._limits.max_depth:
            raise BadRequest(f"The filter is nested more than {self._limits.max_depth} levels deep.")

    def _count_clause(self) -> None:
        self._clauses_left -= 1
        if self._clauses_left < 0:
            raise BadRequest(f"The filter has more than {self._limits.max_clauses} clauses.")


# The longest operator of MongoDB has 15 letters; a client's own invention need not come back at length.
_SHOWN_NAME_LENGTH = 40


def _all_of(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


def _is_operators(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and next(iter(value), "").startswith("$")


def _is_elem_match(value: object) -> bool:
    return isinstance(value, dict) and list(value) == ["$elemMatch"]


def _unless_typed(place: Place, node: Node) -> Node:
    """Return a test of strings or arrays; where there is a date or an id instead, it can never hold."""
    return node if place.holds == "any" else Or(())


def _exists(place: Place, value: object) -> Node:
    if not isinstance(value, (bool, int, float)):
        raise BadRequest(f"$exists on '{place.name}' needs true or false.")
    return Exists(place.path) if value else Not(Exists(place.path))

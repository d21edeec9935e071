"""MongoDB's filter language, as JSON: checked, bounded, and made into a tree."""

from collections.abc import Callable, Mapping
from typing import Literal

from xray_backend.errors import BadRequest
from xray_backend.query.limits import QueryLimits
from xray_backend.query.operand import OperandReader
from xray_backend.query.path import parse_path
from xray_backend.query.tree import And, Compare, Exists, In, Node, Not, Or, Path

__all__ = ["parse_filter"]

_LOGICAL: Mapping[str, type[And] | type[Or]] = {"$and": And, "$or": Or}


def parse_filter(filter: object, collection: Literal["steps", "traces"], limits: QueryLimits) -> Node:
    """Return the tree of a filter; an empty filter is true of every document.

    Raises `BadRequest` if the filter says what this language does not, or is over a limit.
    """
    return _Parser(collection, limits).document(filter, 1)


class _Parser:
    def __init__(self, collection: Literal["steps", "traces"], limits: QueryLimits) -> None:
        self._collection = collection
        self._limits = limits
        self._clauses_left = limits.max_clauses
        self._operands = OperandReader(limits)
        self._operators: Mapping[str, Callable[[Path, object], Node]] = {
            "$eq": self._equal,
            "$ne": lambda path, value: Not(self._equal(path, value)),
            "$gt": lambda path, value: Compare(path, "gt", self._operands.read(path, value)),
            "$gte": lambda path, value: Compare(path, "gte", self._operands.read(path, value)),
            "$lt": lambda path, value: Compare(path, "lt", self._operands.read(path, value)),
            "$lte": lambda path, value: Compare(path, "lte", self._operands.read(path, value)),
            "$in": lambda path, value: In(path, self._operands.read_list(path, "$in", value)),
            "$nin": lambda path, value: Not(In(path, self._operands.read_list(path, "$nin", value))),
            "$exists": _exists,
        }

    def document(self, filter: object, depth: int) -> Node:
        """Parse a filter at the top or inside `$and` and `$or`."""
        if not isinstance(filter, dict):
            raise BadRequest('A filter is an object of paths and what they must be, such as {"stepName": "rank"}.')
        if depth > self._limits.max_depth:
            raise BadRequest(f"The filter is nested more than {self._limits.max_depth} levels deep.")
        nodes = [self._entry(str(key), value, depth) for key, value in filter.items()]
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _entry(self, key: str, value: object, depth: int) -> Node:
        if key in _LOGICAL:
            return _LOGICAL[key](self._branches(key, value, depth))
        if key.startswith("$"):
            raise self._refusal(key, "at the top of a filter")
        return self._field(parse_path(key, self._collection, self._limits), value)

    def _branches(self, operator: str, value: object, depth: int) -> tuple[Node, ...]:
        self._count_clause()
        if not isinstance(value, list) or not value:
            raise BadRequest(f"{operator} needs a list with at least one filter.")
        return tuple(self.document(branch, depth + 1) for branch in value)

    def _field(self, path: Path, value: object) -> Node:
        if not isinstance(value, dict) or not next(iter(value), "").startswith("$"):
            self._count_clause()
            return self._equal(path, value)
        nodes = [self._test(path, operator, operand) for operator, operand in value.items()]
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _test(self, path: Path, operator: str, operand: object) -> Node:
        self._count_clause()
        make = self._operators.get(operator)
        if make is not None:
            return make(path, operand)
        if operator.startswith("$"):
            raise self._refusal(operator, f"on '{'.'.join(path)}'")
        raise BadRequest(f"'{'.'.join(path)}' has operators beside the key '{operator}'; give one or the other.")

    def _equal(self, path: Path, value: object) -> Node:
        return Compare(path, "eq", self._operands.read(path, value))

    def _refusal(self, operator: str, where: str) -> BadRequest:
        if operator in self._operators:
            return BadRequest(f"The operator {operator} stands below a path, not {where}.")
        if operator in _LOGICAL:
            return BadRequest(f"The operator {operator} stands at the top of a filter, not {where}.")
        name = operator.encode("utf-8", "replace").decode()[:_SHOWN_NAME_LENGTH]
        supported = " ".join([*self._operators, *_LOGICAL])
        return BadRequest(f"The operator {name} {where} is not supported; there are {supported}.")

    def _count_clause(self) -> None:
        self._clauses_left -= 1
        if self._clauses_left < 0:
            raise BadRequest(f"The filter has more than {self._limits.max_clauses} clauses.")


# The longest operator of MongoDB has 15 letters; a client's own invention need not come back at length.
_SHOWN_NAME_LENGTH = 40


def _exists(path: Path, value: object) -> Node:
    if not isinstance(value, (bool, int, float)):
        raise BadRequest(f"$exists on '{'.'.join(path)}' needs true or false.")
    return Exists(path) if value else Not(Exists(path))

"""What MongoDB's manual says of a filter, evaluated on plain values; shares no code with the server.

It reads the filter as sent, not the server's tree; documents and filters are typed (`typed.py`). It needs no server
of its own, and says what the oracle has wrong. The rules, one function each:

- `candidates`: which values a dotted path offers. An array on the way offers what its objects offer, and the
  element that a numeric part names; an array at the end offers each element and itself.
- `same`, `order`: equality and order. Types do not convert; numbers are one type.
- `meets`: operators against what a path offers. Null matches what is missing. `$size` and `$elemMatch` do not look into
  an array at the end, which is why they are given the ends besides.
"""

import re
from datetime import datetime

from bson import ObjectId

from tests.backend.query.typed import LOGICAL, is_operators

NOTHING = ("nothing",)
TYPE_ORDER = ["null", "number", "string", "object", "array", "id", "boolean", "date"]
CODES = {
    1: "double",
    2: "string",
    3: "object",
    4: "array",
    7: "objectId",
    8: "bool",
    9: "date",
    10: "null",
    16: "int",
    18: "long",
}


def type_of(value):
    if value is None:
        return "null"
    kinds = {"boolean": bool, "number": (int, float), "string": str, "object": dict, "id": ObjectId, "date": datetime}
    for name, types in kinds.items():
        if isinstance(value, types):
            return name
    return "array"


def bson_type_of(value):
    if type_of(value) == "number":
        return "double" if isinstance(value, float) else "int" if -(2**31) <= value < 2**31 else "long"
    return {"boolean": "bool", "id": "objectId"}.get(type_of(value), type_of(value))


def candidates(document, path):
    """A list of values, `NOTHING` among them where the path ends nowhere."""
    return _offered(document, path.split("."), True)


def ends(document, path):
    """The same, but of an array at the end only itself."""
    return _offered(document, path.split("."), False)


def _offered(holder, parts, enter):
    if not parts:
        return [*holder, holder] if isinstance(holder, list) and enter else [holder]
    if isinstance(holder, dict):
        return _offered(holder[parts[0]], parts[1:], enter) if parts[0] in holder else [NOTHING]
    return _from_array(holder, parts, enter) if isinstance(holder, list) else [NOTHING]


def _from_array(array, parts, enter):
    found = []
    for element in array:
        if isinstance(element, dict):
            found += _offered(element, parts, enter)
    position = int(parts[0]) if parts[0].isascii() and parts[0].isdigit() else -1
    if 0 <= position < len(array) and str(position) == parts[0]:
        named = array[position]
        if len(parts) == 1:
            found.append(named)
        elif isinstance(named, (dict, list)):
            found += _offered(named, parts[1:], enter)
    return found


def order(left, right):
    if type_of(left) != type_of(right):
        return TYPE_ORDER.index(type_of(left)) - TYPE_ORDER.index(type_of(right))
    if left is None:
        return 0
    if isinstance(left, dict):
        flat = [[TYPE_ORDER.index(type_of(v)), k.encode(), v] for k, v in left.items()]
        other = [[TYPE_ORDER.index(type_of(v)), k.encode(), v] for k, v in right.items()]
        return order_lists(flat, other, lambda a, b: order_lists(a, b, order_field))
    if isinstance(left, list):
        return order_lists(left, right, order)
    if isinstance(left, str):
        left, right = left.encode(), right.encode()
    return -1 if left < right else 1 if left > right else 0


def order_field(left, right):
    if isinstance(left, bytes):
        return -1 if left < right else 1 if left > right else 0
    return order(left, right)


def order_lists(left, right, order_items):
    for mine, theirs in zip(left, right, strict=False):
        if order_items(mine, theirs):
            return order_items(mine, theirs)
    return len(left) - len(right)


def same(found, wanted):
    if found is NOTHING:
        return wanted is None
    return type_of(found) == type_of(wanted) and order(found, wanted) == 0


def within(found, operator, bound):
    if found is NOTHING:
        return bound is None and "e" in operator
    if type_of(found) != type_of(bound):
        return False
    difference = order(found, bound)
    return {"$gt": difference > 0, "$gte": difference >= 0, "$lt": difference < 0, "$lte": difference <= 0}[operator]


def meets(found, whole, operators):
    """Tell whether all operators hold of what was found, and of the same with arrays left whole."""
    return all(
        _meets(found, whole, operator, operand, operators)
        for operator, operand in operators.items()
        if operator != "$options"
    )


def _meets(found, whole, operator, operand, beside):
    if operator in ("$ne", "$nin"):
        return not _meets(found, whole, {"$ne": "$eq", "$nin": "$in"}[operator], operand, beside)
    if operator == "$not":
        return not meets(found, whole, operand)
    if operator == "$exists":
        return any(value is not NOTHING for value in found) == bool(operand)
    if operator == "$all":
        return bool(operand) and all(_meets_one_of_all(found, whole, item) for item in operand)
    if operator == "$size":
        return any(isinstance(value, list) and len(value) == operand for value in whole)
    if operator == "$elemMatch":
        return any(has_element(value, operand) for value in whole)
    return any(holds(value, operator, operand, beside) for value in found)


def _meets_one_of_all(found, whole, item):
    if isinstance(item, dict) and "$elemMatch" in item:
        return _meets(found, whole, "$elemMatch", item["$elemMatch"], {})
    return _meets(found, whole, "$eq", item, {})


def holds(value, operator, operand, beside):
    if operator == "$eq":
        return same(value, operand)
    if operator == "$in":
        return any(same(value, wanted) for wanted in operand)
    if operator == "$regex":
        flags = [getattr(re, letter.upper()) for letter in beside.get("$options", "")]
        return isinstance(value, str) and re.search(operand, value, sum(flags)) is not None
    if operator == "$type":
        return value is not NOTHING and any(
            is_of(value, kind) for kind in (operand if isinstance(operand, list) else [operand])
        )
    return within(value, operator, operand)


def is_of(value, kind):
    if kind == "number":
        return type_of(value) == "number"
    return bson_type_of(value) == CODES.get(kind, kind)


def has_element(value, condition):
    """Tell whether one element of an array meets the condition alone: by itself, or as an object."""
    if not isinstance(value, list):
        return False
    first = next(iter(condition), "")
    if first.startswith("$") and first not in LOGICAL:
        return any(meets([element], [element], condition) for element in value)
    return any(matches(element, condition) for element in map(as_object, value) if isinstance(element, dict))


def as_object(element):
    """An array has the fields of its indexes."""
    return {str(index): item for index, item in enumerate(element)} if isinstance(element, list) else element


def matches(document, filter):
    return all(_entry(document, key, value) for key, value in filter.items())


def _entry(document, key, value):
    if key == "$and":
        return all(matches(document, branch) for branch in value)
    if key in ("$or", "$nor"):
        return any(matches(document, branch) for branch in value) == (key == "$or")
    test = value if is_operators(value) else {"$eq": value}
    return meets(candidates(document, key), ends(document, key), test)

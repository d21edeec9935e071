"""What MongoDB's manual says of a filter, evaluated on plain values; shares no code with the server.

It reads the filter as sent, not the server's tree. The rules, one function each:

- `candidates`: which values a dotted path offers. An array on the way offers what its objects offer, and the
  element that a numeric part names; an array at the end offers each element and itself.
- `same`, `order`: equality and order. Types do not convert; numbers are one type.
- `meets`: an operator against the candidates. Null matches what is missing.
"""

NOTHING = ("nothing",)
TYPE_ORDER = ["null", "number", "string", "object", "array", "boolean"]


def type_of(value):
    if value is None:
        return "null"
    for name, types in (("boolean", bool), ("number", (int, float)), ("string", str), ("object", dict)):
        if isinstance(value, types):
            return name
    return "array"


def candidates(document, path):
    """A list of values, `NOTHING` among them where the path ends nowhere."""
    return _offered(document, path.split("."))


def _offered(holder, parts):
    if not parts:
        return [*holder, holder] if isinstance(holder, list) else [holder]
    if isinstance(holder, dict):
        return _offered(holder[parts[0]], parts[1:]) if parts[0] in holder else [NOTHING]
    return _from_array(holder, parts) if isinstance(holder, list) else [NOTHING]


def _from_array(array, parts):
    found = []
    for element in array:
        if isinstance(element, dict):
            found += _offered(element, parts)
    position = int(parts[0]) if parts[0].isascii() and parts[0].isdigit() else -1
    if 0 <= position < len(array) and str(position) == parts[0]:
        named = array[position]
        if len(parts) == 1:
            found.append(named)
        elif isinstance(named, (dict, list)):
            found += _offered(named, parts[1:])
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


def meets(found, operator, operand):
    if operator == "$eq":
        return any(same(value, operand) for value in found)
    if operator == "$in":
        return any(same(value, wanted) for value in found for wanted in operand)
    if operator in ("$ne", "$nin"):
        return not meets(found, {"$ne": "$eq", "$nin": "$in"}[operator], operand)
    if operator == "$exists":
        return any(value is not NOTHING for value in found) == bool(operand)
    return any(within(value, operator, operand) for value in found)


def matches(document, filter):
    return all(_entry(document, key, value) for key, value in filter.items())


def _entry(document, key, value):
    if key == "$and":
        return all(matches(document, branch) for branch in value)
    if key == "$or":
        return any(matches(document, branch) for branch in value)
    found = candidates(document, key)
    if isinstance(value, dict) and value and next(iter(value)).startswith("$"):
        return all(meets(found, operator, operand) for operator, operand in value.items())
    return meets(found, "$eq", value)

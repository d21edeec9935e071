"""Documents and filters as MongoDB would hold them: with dates and ids, where JSON has texts and numbers for them."""

from datetime import datetime, timedelta, timezone

from bson import ObjectId

DATES = ("timestamp", "createdAt", "endedAt")
LOGICAL = ("$and", "$or", "$nor")
_COMPARING = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$all")


def typed_document(document):
    """An answer document."""
    dates = {name: _date(document[name]) for name in DATES if document.get(name) is not None}
    return {**document, "_id": ObjectId(document["_id"]), **dates}


def typed_filter(filter):
    """A filter of such documents."""
    return {key: _entry(key, value) for key, value in filter.items()}


def is_operators(value):
    return isinstance(value, dict) and next(iter(value), "").startswith("$")


def _entry(key, value):
    if key in LOGICAL:
        return [typed_filter(branch) for branch in value]
    convert = _date if key in DATES else ObjectId if key == "_id" else None
    return value if convert is None else _converted(value, convert)


def _converted(value, convert):
    if isinstance(value, list):
        return [_converted(item, convert) for item in value]
    if not is_operators(value):
        return value if value is None or isinstance(value, dict) else convert(value)
    converted = {}
    for operator, operand in value.items():
        typed = operator in (*_COMPARING, "$not")
        converted[operator] = _converted(operand, convert) if typed else operand
    return converted


def _date(value):
    if isinstance(value, str):
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=value)

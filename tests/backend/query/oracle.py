"""SecantusDB, an independent server of MongoDB's protocol, asked what a filter finds.

Where it is known to be wrong (docs/query.md), a filter is said in other words of the same meaning, or, where there are
none, `is_doubtful` tells that nothing can be learnt from the answer.
"""

import re
import subprocess
import sys
import threading

from pymongo import MongoClient

from tests.backend.query.reference import candidates
from tests.backend.query.typed import LOGICAL, is_operators, typed_document, typed_filter

_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
_START_SECONDS = 60


class Oracle:
    """One server process; `with` starts it on a free port and ends it."""

    def __enter__(self):
        command = [sys.executable, "-m", "secantus", "--port", "0", "--storage-path", ":memory:", "--log-level", "INFO"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        watchdog = threading.Timer(_START_SECONDS, self._process.kill)
        watchdog.start()
        address = next(filter(None, map(_LISTENING.search, self._process.stderr)), None)
        watchdog.cancel()
        assert address, "the oracle did not start"
        # It goes on logging, and must not have to wait for a reader.
        self._drain = threading.Thread(target=self._process.stderr.read)
        self._drain.start()
        self.url = f"mongodb://{address[1]}/?directConnection=true"
        self._client = MongoClient(self.url)
        return self

    def __exit__(self, *exception):
        self._client.close()
        self._process.terminate()
        self._process.wait()
        self._drain.join()
        self._process.stderr.close()

    def find(self, documents, filters):
        """For each filter the `_id`s of the answer documents that match; all in one round trip."""
        collection = self._client.oracle.documents
        collection.insert_many(map(typed_document, documents))
        try:
            branches = {
                f"f{number}": [{"$match": _reworded(typed_filter(filter))}, {"$project": {"_id": 1}}]
                for number, filter in enumerate(filters)
            }
            found = next(collection.aggregate([{"$facet": branches}]))
        finally:
            collection.delete_many({})
        return [{str(document["_id"]) for document in found[name]} for name in branches]


def _reworded(filter):
    """The filter in words that the oracle understands as MongoDB does."""
    return {"$and": [_entry(key, value) for key, value in filter.items()]} if filter else {}


def _entry(key, value):
    if key in LOGICAL:
        return {key: [_reworded(branch) for branch in value]}
    if not is_operators(value):
        return {key: value}
    usual = {operator: operand for operator, operand in value.items() if operator not in _REWORDED}
    reworded = [
        part for operator in value if operator in _REWORDED for part in _REWORDED[operator](key, value[operator])
    ]
    return {"$and": [*([{key: usual}] if usual else []), *reworded]}


def _all(path, values):
    """To the oracle, one array must hold all values, and is never one of them itself."""
    tests = [value if _is_elem_match(value) else {"$eq": value} for value in values]
    return [_entry(path, test) for test in tests] or [{"$nor": [{}]}]


def _not(path, operators):
    return [{"$nor": [_entry(path, operators)]}]


def _elem_match(path, condition):
    return [{path: {"$elemMatch": _condition(condition)}}]


def _condition(condition):
    """A logical operator in front makes the oracle take the condition for one of values."""
    if _is_of_values(condition):
        return {operator: _operand(operator, operand) for operator, operand in condition.items()}
    return {"no such key": {"$exists": False}, **_reworded(condition)} if condition else {}


def _operand(operator, operand):
    if operator == "$all":
        return [_condition(value) if _is_elem_match(value) else value for value in operand]
    return _condition(operand) if operator in ("$elemMatch", "$not") else operand


_REWORDED = {"$all": _all, "$not": _not, "$elemMatch": _elem_match}


def _is_elem_match(value):
    return isinstance(value, dict) and next(iter(value), "") == "$elemMatch"


def _is_of_values(condition):
    return is_operators(condition) and next(iter(condition)) not in LOGICAL


def is_doubtful(filter, document):
    """Tell whether the oracle may be wrong on this document."""
    return any(_is_doubtful_entry(key, value, document) for key, value in filter.items())


def _is_doubtful_entry(key, value, document):
    if key in LOGICAL:
        return any(is_doubtful(branch, document) for branch in value)
    if any(_is_doubtful_index(value, array, rest) for array, rest in _indexed(document, key.split("."))):
        return True
    return is_operators(value) and _is_doubtful_test(value, candidates(document, key))


def _is_doubtful_index(value, array, rest):
    """To the oracle, 01 is an index, and null matches behind an index that names no element, or none that goes on."""
    place = int(rest[0])
    named = array[place] if place < len(array) else None
    reaches_nothing = place >= len(array) or (len(rest) > 1 and not isinstance(named, (dict, list)))
    return rest[0] != str(place) or (reaches_nothing and _mentions_null(value))


def _indexed(holder, parts):
    """Each array that a path meets with a number next, and the rest of the path."""
    if parts and isinstance(holder, dict):
        yield from _indexed(holder.get(parts[0]), parts[1:])
    elif parts and isinstance(holder, list):
        if parts[0].isdigit():
            yield holder, parts
            yield from _indexed(dict(enumerate(holder)).get(int(parts[0])), parts[1:])
        for element in filter(lambda element: isinstance(element, dict), holder):
            yield from _indexed(element, parts)


def _mentions_null(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(map(_mentions_null, inner))


def _is_doubtful_test(operators, values):
    """To the oracle, no array in an array meets an `$elemMatch` of objects."""
    for operator, operand in operators.items():
        nested = operand if operator == "$all" else [{"$elemMatch": operand}] if operator == "$elemMatch" else []
        if operator == "$not" and _is_doubtful_test(operand, values):
            return True
        if any(_is_doubtful_elem_match(item["$elemMatch"], values) for item in nested if _is_elem_match(item)):
            return True
    return False


def _is_doubtful_elem_match(condition, values):
    elements = [element for value in values if isinstance(value, list) for element in value]
    if _is_of_values(condition):
        return _is_doubtful_test(condition, elements)
    if condition and any(isinstance(element, list) for element in elements):
        return True
    return any(is_doubtful(condition, element) for element in elements if isinstance(element, dict))

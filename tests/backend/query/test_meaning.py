"""What a filter means, case by case; each says the rule it shows. Rows: (document's metadata, filter, match?)."""

import pytest

from tests.backend.query.reference import matches
from tests.backend.query.table import Table

MISSING = {}
CASES = {
    "an array matches when it holds the value": ({"a": [1, 2]}, {"metadata.a": 2}, True),
    "an array matches as a whole": ({"a": [1, 2]}, {"metadata.a": [1, 2]}, True),
    "an array in another order is another array": ({"a": [2, 1]}, {"metadata.a": [1, 2]}, False),
    "an array matches when one of its elements is the array asked for": ({"a": [[1, 2]]}, {"metadata.a": [1, 2]}, True),
    "arrays in arrays are not entered": ({"a": [[1, 2]]}, {"metadata.a": 2}, False),
    "ne is false when any element is equal": ({"a": [1, 2]}, {"metadata.a": {"$ne": 2}}, False),
    "nin is false when any element is in the list": ({"a": [1, 2]}, {"metadata.a": {"$nin": [2, 9]}}, False),
    "two bounds may be met by two elements": ({"a": [1, 9]}, {"metadata.a": {"$gt": 5, "$lt": 5}}, True),
    "two equalities may be met by two elements": (
        {"a": [1, 9]},
        {"$and": [{"metadata.a": 1}, {"metadata.a": 9}]},
        True,
    ),
    "an empty array is there": ({"a": []}, {"metadata.a": {"$exists": True}}, True),
    "an empty array is not null": ({"a": []}, {"metadata.a": None}, False),
    "an empty array equals the empty array": ({"a": []}, {"metadata.a": []}, True),
    "an array that holds null matches null": ({"a": [1, None]}, {"metadata.a": None}, True),
    "a path goes into the objects of an array": ({"a": [{"b": 1}, {"b": 2}]}, {"metadata.a.b": 2}, True),
    "a path goes by index": ({"a": [5, 6]}, {"metadata.a.1": 6}, True),
    "an index is not a search": ({"a": [5, 6]}, {"metadata.a.0": 6}, False),
    "an index may be followed by a key": ({"a": [{"b": 1}, {"b": 2}]}, {"metadata.a.0.b": 2}, False),
    "a number is also the key of an object": ({"a": {"0": 7}}, {"metadata.a.0": 7}, True),
    "a number is also a key in the objects of an array": ({"a": [1, {"0": 7}]}, {"metadata.a.0": 7}, True),
    "an index with a leading zero is only a key": ({"a": [5, 6]}, {"metadata.a.01": 6}, False),
    "an index beyond the end reaches nothing": ({"a": [5]}, {"metadata.a.7": {"$exists": True}}, False),
    "an array reached by index is not entered": ({"a": [[1, 2]]}, {"metadata.a.0": 1}, False),
    "an array reached by index matches as a whole": ({"a": [[1, 2]]}, {"metadata.a.0": [1, 2]}, True),
    "an index after an index enters the inner array": ({"a": [[1, 2]]}, {"metadata.a.0.1": 2}, True),
    "a path does not go into arrays of arrays": ({"a": [[{"b": 1}]]}, {"metadata.a.b": 1}, False),
    "a path goes into an inner array by index": ({"a": [[{"b": 1}]]}, {"metadata.a.0.b": 1}, True),
    "arrays on two levels are both entered": ({"a": [{"b": [{"c": 1}]}]}, {"metadata.a.b.c": 1}, True),
    "a path through a scalar is missing": ({"a": 1}, {"metadata.a.b": None}, True),
    "a path through an array of scalars reaches nothing, not even null": ({"a": [1]}, {"metadata.a.b": None}, False),
    "a path through an empty array reaches nothing": ({"a": []}, {"metadata.a.b": None}, False),
    "an object of an array that lacks the key is null there": ({"a": [{"b": 1}, {}]}, {"metadata.a.b": None}, True),
    "an object named by index is also searched for the index": ({"a": [{"b": 1}]}, {"metadata.a.0.b": None}, True),
    "exists is true when one object of the array has the key": (
        {"a": [{}, {"b": None}]},
        {"metadata.a.b": {"$exists": True}},
        True,
    ),
    "exists false means that no object of the array has the key": (
        {"a": [{}, {"b": 1}]},
        {"metadata.a.b": {"$exists": False}},
        False,
    ),
    "null matches null": ({"a": None}, {"metadata.a": None}, True),
    "null matches what is missing": (MISSING, {"metadata.a": None}, True),
    "null in a list matches what is missing": (MISSING, {"metadata.a": {"$in": [None, 1]}}, True),
    "not null needs a value": (MISSING, {"metadata.a": {"$ne": None}}, False),
    "not in a list with null needs a value": (MISSING, {"metadata.a": {"$nin": [None]}}, False),
    "a value is not null": ({"a": 0}, {"metadata.a": {"$ne": None}}, True),
    "ne is true of what is missing": (MISSING, {"metadata.a": {"$ne": 1}}, True),
    "nin is true of what is missing": (MISSING, {"metadata.a": {"$nin": [1]}}, True),
    "null exists": ({"a": None}, {"metadata.a": {"$exists": True}}, True),
    "what is missing does not exist": (MISSING, {"metadata.a": {"$exists": False}}, True),
    "gte null matches null": ({"a": None}, {"metadata.a": {"$gte": None}}, True),
    "lte null matches what is missing": (MISSING, {"metadata.a": {"$lte": None}}, True),
    "gt null matches nothing": ({"a": 1}, {"metadata.a": {"$gt": None}}, False),
    "gte null does not match a number": ({"a": 1}, {"metadata.a": {"$gte": None}}, False),
    "a comparison with a number is false of what is missing": (MISSING, {"metadata.a": {"$lt": 5}}, False),
    "a comparison with a number is false of null": ({"a": None}, {"metadata.a": {"$lt": 5}}, False),
    "one is not the text of one": ({"a": "1"}, {"metadata.a": 1}, False),
    "text is not a number": ({"a": 1}, {"metadata.a": "1"}, False),
    "true is not one": ({"a": True}, {"metadata.a": 1}, False),
    "one is not true": ({"a": 1}, {"metadata.a": True}, False),
    "false is not null": ({"a": False}, {"metadata.a": None}, False),
    "true in an array is not one": ({"a": [True]}, {"metadata.a": 1}, False),
    "one is one point nought": ({"a": 1}, {"metadata.a": 1.0}, True),
    "one point nought is one in a list": ({"a": 1.0}, {"metadata.a": {"$in": [1]}}, True),
    "nought is minus nought": ({"a": -0.0}, {"metadata.a": 0}, True),
    "large integers are exact": ({"a": 2**53 + 1}, {"metadata.a": 2.0**53}, False),
    "large integers compare exactly with floats": ({"a": 2**53 + 1}, {"metadata.a": {"$gt": 2.0**53}}, True),
    "the largest integer is below two to the sixty-third": ({"a": 2**63 - 1}, {"metadata.a": {"$lt": 2.0**63}}, True),
    "the smallest integer is found": ({"a": -(2**63)}, {"metadata.a": -(2**63)}, True),
    "a float is found by its shortest text": ({"a": 0.1 + 0.2}, {"metadata.a": 0.30000000000000004}, True),
    "neighbouring floats differ": ({"a": 0.1 + 0.2}, {"metadata.a": 0.3}, False),
    "numbers do not compare with text": ({"a": 5}, {"metadata.a": {"$lt": "9"}}, False),
    "text does not compare with numbers": ({"a": "5"}, {"metadata.a": {"$lt": 9}}, False),
    "false is below true": ({"a": False}, {"metadata.a": {"$lt": True}}, True),
    "true is not above true": ({"a": True}, {"metadata.a": {"$gt": True}}, False),
    "booleans do not compare with numbers": ({"a": True}, {"metadata.a": {"$gt": 0}}, False),
    "capital letters come before small ones": ({"a": "Z"}, {"metadata.a": {"$lt": "a"}}, True),
    "text is ordered by its bytes in UTF-8": ({"a": "\uffff"}, {"metadata.a": {"$lt": "\U0001f600"}}, True),
    "a shorter text is less": ({"a": "a"}, {"metadata.a": {"$lt": "ab"}}, True),
    "letters are not folded": ({"a": "Outdoor"}, {"metadata.a": "outdoor"}, False),
    "a nul in stored text counts": ({"a": "x\0y"}, {"metadata.a": "x"}, False),
    "a nul in stored text makes it greater": ({"a": "x\0y"}, {"metadata.a": {"$gt": "x"}}, True),
    "a nul in stored text makes it no less": ({"a": "x\0y"}, {"metadata.a": {"$lte": "x"}}, False),
    "a nul in stored text keeps it below the next letter": ({"a": "x\0y"}, {"metadata.a": {"$lt": "x\1"}}, True),
    "a nul in the text asked for counts": ({"a": "x"}, {"metadata.a": "x\0"}, False),
    "a text with a nul is found": ({"a": "x\0y"}, {"metadata.a": {"$in": ["z", "x\0y"]}}, True),
    "a written-out escape is not a nul": ({"a": "\\u0000"}, {"metadata.a": "\\u0000"}, True),
    "a text with every kind of letter is found in an array": (
        {"a": [1, '"\\/\b\f\n\r\t\0\x1f\x7fé\u2028\U0001f600']},
        {"metadata.a": '"\\/\b\f\n\r\t\0\x1f\x7fé\u2028\U0001f600'},
        True,
    ),
    "a part of a text in an array is not found": ({"a": ['say "x"', {"x": 1}]}, {"metadata.a": "x"}, False),
    "an object matches as a whole": ({"a": {"x": 1, "y": 2}}, {"metadata.a": {"x": 1, "y": 2}}, True),
    "an object with its keys in another order is another": (
        {"a": {"y": 2, "x": 1}},
        {"metadata.a": {"x": 1, "y": 2}},
        False,
    ),
    "an object with a further key is another": ({"a": {"x": 1, "y": 2}}, {"metadata.a": {"x": 1}}, False),
    "numbers in objects are equal as numbers": ({"a": {"x": 1}}, {"metadata.a": {"x": 1.0}}, True),
    "the empty object matches only itself": ({"a": {"x": 1}}, {"metadata.a": {}}, False),
    "all metadata can be asked for at once": ({"a": 1}, {"metadata": {"a": 1}}, True),
    "objects compare by their first difference": ({"a": {"x": 1, "y": 5}}, {"metadata.a": {"$lt": {"x": 2}}}, True),
    "in objects the type of a value comes before its key": (
        {"a": {"b": 1}},
        {"metadata.a": {"$lt": {"a": "text"}}},
        True,
    ),
    "an object with more fields is greater": ({"a": {"x": 1, "y": 0}}, {"metadata.a": {"$gt": {"x": 1}}}, True),
    "an array compares with an array as a whole": ({"a": [1, 2, 3]}, {"metadata.a": {"$gt": [1, 2]}}, True),
    "an array's elements compare with a number": ({"a": [1, 8]}, {"metadata.a": {"$gt": 5}}, True),
    "an array does not compare with an object": ({"a": [1]}, {"metadata.a": {"$gt": {}}}, False),
    "in has nothing to match in an empty list": ({"a": 1}, {"metadata.a": {"$in": []}}, False),
    "nin of an empty list is true": ({"a": 1}, {"metadata.a": {"$nin": []}}, True),
    "an array in a list matches as a whole": ({"a": [1, 2]}, {"metadata.a": {"$in": [[1, 2]]}}, True),
    "eq takes an object with dollars as a value": ({"a": {"$x": 1}}, {"metadata.a": {"$eq": {"$x": 1}}}, True),
    "a dollar behind the first key is a value": ({"a": {"b": 1, "$x": 2}}, {"metadata.a": {"b": 1, "$x": 2}}, True),
    "all asks for every value": ({"a": [1, 2, 3]}, {"metadata.a": {"$all": [3, 1]}}, True),
    "all needs each of them": ({"a": [1, 2]}, {"metadata.a": {"$all": [1, 9]}}, False),
    "all of one value matches that value itself": ({"a": 1}, {"metadata.a": {"$all": [1]}}, True),
    "all matches a whole array, too": ({"a": [1, 2]}, {"metadata.a": {"$all": [[1, 2]]}}, True),
    "all of null matches what is missing": (MISSING, {"metadata.a": {"$all": [None]}}, True),
    "all of nothing matches nothing": ({"a": []}, {"metadata.a": {"$all": []}}, False),
    "all may be met by several arrays": ({"a": [{"b": 1}, {"b": 2}]}, {"metadata.a.b": {"$all": [1, 2]}}, True),
    "all with elemMatch may be met by several elements": (
        {"a": [{"b": 1}, {"b": 5}]},
        {"metadata.a": {"$all": [{"$elemMatch": {"b": 1}}, {"$elemMatch": {"b": {"$gt": 4}}}]}},
        True,
    ),
    "elemMatch wants one element that meets all": (
        {"a": [1, 9]},
        {"metadata.a": {"$elemMatch": {"$gt": 5, "$lt": 5}}},
        False,
    ),
    "elemMatch finds one that does": ({"a": [1, 6]}, {"metadata.a": {"$elemMatch": {"$gt": 5, "$lt": 9}}}, True),
    "elemMatch wants an array": ({"a": 6}, {"metadata.a": {"$elemMatch": {"$gt": 5}}}, False),
    "elemMatch wants an array of objects": ({"a": {"b": 1}}, {"metadata.a": {"$elemMatch": {"b": 1}}}, False),
    "elemMatch does not look into an element that is an array": (
        {"a": [[6]]},
        {"metadata.a": {"$elemMatch": {"$gt": 5}}},
        False,
    ),
    "elemMatch compares an element that is an array as a whole": (
        {"a": [[6]]},
        {"metadata.a": {"$elemMatch": {"$eq": [6]}}},
        True,
    ),
    "elemMatch in elemMatch goes a level down": (
        {"a": [[1], [6]]},
        {"metadata.a": {"$elemMatch": {"$elemMatch": {"$gt": 5}}}},
        True,
    ),
    "elemMatch on an array that an index names": ({"a": [[6]]}, {"metadata.a.0": {"$elemMatch": {"$gt": 5}}}, True),
    "elemMatch with not is met by an element": (
        {"a": [1, 9]},
        {"metadata.a": {"$elemMatch": {"$not": {"$gt": 5}}}},
        True,
    ),
    "elemMatch with ne is met by an element": ({"a": [1, 9]}, {"metadata.a": {"$elemMatch": {"$ne": 1}}}, True),
    "elemMatch with null is met by null alone": ({"a": [1]}, {"metadata.a": {"$elemMatch": {"$eq": None}}}, False),
    "elemMatch of objects wants one that meets all": (
        {"a": [{"b": 1, "c": 2}, {"b": 3, "c": 4}]},
        {"metadata.a": {"$elemMatch": {"b": 1, "c": 4}}},
        False,
    ),
    "elemMatch of objects finds one that does": (
        {"a": [{"b": 1, "c": 2}, {"b": 3, "c": 4}]},
        {"metadata.a": {"$elemMatch": {"b": 3, "c": {"$gt": 3}}}},
        True,
    ),
    "elemMatch of objects goes through arrays in them": (
        {"a": [{"b": [{"c": 1}]}]},
        {"metadata.a": {"$elemMatch": {"b.c": 1}}},
        True,
    ),
    "elemMatch of objects passes scalars over": ({"a": [1, None]}, {"metadata.a": {"$elemMatch": {"b": None}}}, False),
    "elemMatch of objects takes an array for the object of its indexes": (
        {"a": [["s", 5]]},
        {"metadata.a": {"$elemMatch": {"1": 5}}},
        True,
    ),
    "elemMatch of objects does not go through such an array": (
        {"a": [[{"b": 1}]]},
        {"metadata.a": {"$elemMatch": {"b": 1}}},
        False,
    ),
    "elemMatch of nothing wants an object or an array": ({"a": [1]}, {"metadata.a": {"$elemMatch": {}}}, False),
    "elemMatch of nothing finds any object": ({"a": [1, {}]}, {"metadata.a": {"$elemMatch": {}}}, True),
    "elemMatch may begin with or": (
        {"a": [{"b": 1}, {"c": 2}]},
        {"metadata.a": {"$elemMatch": {"$or": [{"b": 9}, {"c": 2}]}}},
        True,
    ),
    "elemMatch may begin with nor": (
        {"a": [{"b": 1}, {"c": 2}]},
        {"metadata.a": {"$elemMatch": {"$nor": [{"b": 1}, {"c": 2}]}}},
        False,
    ),
    "in elemMatch a field named like a time is a field like any": (
        {"a": [{"timestamp": "noon"}]},
        {"metadata.a": {"$elemMatch": {"timestamp": "noon", "_id": None}}},
        True,
    ),
    "not is true of what is missing": (MISSING, {"metadata.a": {"$not": {"$gt": 5}}}, True),
    "not is false when any element is meant": ({"a": [1, 9]}, {"metadata.a": {"$not": {"$gt": 5}}}, False),
    "not of two operators is true when one fails": ({"a": 3}, {"metadata.a": {"$not": {"$gt": 1, "$lt": 3}}}, True),
    "not of not is the thing itself": ({"a": 9}, {"metadata.a": {"$not": {"$not": {"$gt": 5}}}}, True),
    "not of a pattern with options": (
        {"a": "Outdoor"},
        {"metadata.a": {"$not": {"$regex": "^out", "$options": "i"}}},
        False,
    ),
    "nor is true when no branch is": ({"a": 1}, {"$nor": [{"metadata.a": 2}, {"metadata.b": 1}]}, True),
    "nor is false when one branch is": ({"a": 1}, {"$nor": [{"metadata.a": 2}, {"metadata.a": 1}]}, False),
    "size counts elements": ({"a": [1, [2, 3]]}, {"metadata.a": {"$size": 2}}, True),
    "size may be a whole float": ({"a": [1, 2]}, {"metadata.a": {"$size": 2.0}}, True),
    "size of an array in an array does not count": ({"a": [[1, 2, 3]]}, {"metadata.a": {"$size": 3}}, False),
    "size of an array that an index names does": ({"a": [[1, 2, 3]]}, {"metadata.a.0": {"$size": 3}}, True),
    "size of the arrays in objects of an array": ({"a": [{"b": []}, {"b": [1]}]}, {"metadata.a.b": {"$size": 1}}, True),
    "size of what is no array is none": ({"a": "ab"}, {"metadata.a": {"$size": 2}}, False),
    "size nought is not what is missing": (MISSING, {"metadata.a": {"$size": 0}}, False),
    "type by its name": ({"a": "x"}, {"metadata.a": {"$type": "string"}}, True),
    "type by its number": ({"a": "x"}, {"metadata.a": {"$type": 2}}, True),
    "type by a number that is a float": ({"a": "x"}, {"metadata.a": {"$type": 2.0}}, True),
    "type by a list": ({"a": True}, {"metadata.a": {"$type": ["string", 8]}}, True),
    "an integer of 32 bits is an int": ({"a": 2**31 - 1}, {"metadata.a": {"$type": "int"}}, True),
    "an int is no long": ({"a": -(2**31)}, {"metadata.a": {"$type": "long"}}, False),
    "a larger integer is a long": ({"a": 2**31}, {"metadata.a": {"$type": "long"}}, True),
    "a long is no int": ({"a": -(2**31) - 1}, {"metadata.a": {"$type": 16}}, False),
    "a whole float is a double": ({"a": 1.0}, {"metadata.a": {"$type": "double"}}, True),
    "a double is no int": ({"a": 1.0}, {"metadata.a": {"$type": ["int", "long"]}}, False),
    "all numbers are number": ({"a": 1.5}, {"metadata.a": {"$type": "number"}}, True),
    "a boolean is no number": ({"a": True}, {"metadata.a": {"$type": "number"}}, False),
    "null has a type": ({"a": None}, {"metadata.a": {"$type": "null"}}, True),
    "what is missing has no type": (MISSING, {"metadata.a": {"$type": "null"}}, False),
    "an array has the types of its elements": ({"a": [1, "x"]}, {"metadata.a": {"$type": "string"}}, True),
    "an array is an array": ({"a": []}, {"metadata.a": {"$type": "array"}}, True),
    "an array is no object": ({"a": [1]}, {"metadata.a": {"$type": "object"}}, False),
    "an object is an object": ({"a": {}}, {"metadata.a": {"$type": 3}}, True),
    "no JSON value is of a binary type": ({"a": "x"}, {"metadata.a": {"$type": ["binData", "decimal", -1]}}, False),
    "a text in metadata is no date": ({"a": "2026-01-11T16:55:21Z"}, {"metadata.a": {"$type": "date"}}, False),
    "regex finds a part of a text": ({"a": "outdoor"}, {"metadata.a": {"$regex": "door"}}, True),
    "regex by its options": ({"a": "OUTDOOR"}, {"metadata.a": {"$options": "i", "$regex": "^out"}}, True),
    "regex with an option that changes nothing": ({"a": "é"}, {"metadata.a": {"$regex": "É", "$options": "ui"}}, True),
    "regex finds a text in an array": ({"a": [1, "outdoor"]}, {"metadata.a": {"$regex": "^out"}}, True),
    "regex does not look into arrays in arrays": ({"a": [["outdoor"]]}, {"metadata.a": {"$regex": "^out"}}, False),
    "regex in the objects of an array": (
        {"a": [{"b": "x"}, {"b": "outdoor"}]},
        {"metadata.a.b": {"$regex": "r$"}},
        True,
    ),
    "regex is for texts alone": ({"a": 15}, {"metadata.a": {"$regex": "1"}}, False),
    "regex does not match null": ({"a": None}, {"metadata.a": {"$regex": ""}}, False),
    "regex sees all of a text with a nul": ({"a": "x\0yz"}, {"metadata.a": {"$regex": "^x.yz$"}}, True),
    "regex beside another test": ({"a": "outdoor"}, {"metadata.a": {"$regex": "^out", "$ne": "outdoor"}}, False),
    "the empty filter matches": ({"a": 1}, {}, True),
    "all entries must match": ({"a": 1, "b": 2}, {"metadata.a": 1, "metadata.b": 3}, False),
    "one branch of or is enough": ({"a": 1}, {"$or": [{"metadata.a": 2}, {"metadata.a": 1}]}, True),
    "every branch of and is needed": ({"a": 1}, {"$and": [{"metadata.a": 2}, {"metadata.a": 1}]}, False),
    "an empty branch of or matches": ({"a": 1}, {"$or": [{"metadata.a": 2}, {}]}, True),
    "a key with a quotation mark is reached": ({'a"b': 1}, {'metadata.a"b': 1}, True),
    "a key with a backslash is reached": ({"a\\b": {"c": 1}}, {"metadata.a\\b.c": 1}, True),
    "a key with a line end is reached": ({"a\nb": 1}, {"metadata.a\nb": 1}, True),
    "a key with brackets is reached": ({"a[0]": 1}, {"metadata.a[0]": 1}, True),
    "brackets are no index": ({"a": [1]}, {"metadata.a[0]": 1}, False),
    "a key beyond the basic plane is reached": ({"\U0001f600": 1}, {"metadata.\U0001f600": 1}, True),
    "a key with a dot is not reached": ({"a.b": 1}, {"metadata.a.b": 1}, False),
    "a dollar that does not begin a key is reached": ({"a$": 1}, {"metadata.a$": 1}, True),
}


@pytest.mark.parametrize(("metadata", "filter", "expected"), CASES.values(), ids=CASES.keys())
def test_a_filter_means_what_it_means_in_mongodb(table, metadata, filter, expected):
    document = {"stepName": "rank", "metadata": metadata}
    table.fill([document])
    assert (table.find(filter), matches(document, filter)) == ([0] * expected, expected)


FIELD_CASES = {
    "a step's name": ({"stepName": "rank"}, True),
    "a step's name by a pattern": ({"stepName": {"$regex": "^ra"}}, True),
    "a step's name by its type": ({"stepName": {"$type": "string"}}, True),
    "a step's number by its type": ({"stepNumber": {"$type": "int"}}, True),
    "a field of an artifact, and another of the same": (
        {"artifacts": {"$elemMatch": {"dataId": "d1", "type": "output"}}},
        False,
    ),
    "how many artifacts": ({"artifacts": {"$size": 2}}, True),
    "an id by its type": ({"_id": {"$type": "objectId"}}, True),
    "an id is no text": ({"_id": {"$type": "string"}}, False),
    "an id by its type's number": ({"_id": {"$type": 7}}, True),
    "an id has no pattern": ({"_id": {"$regex": "."}}, False),
    "an id among others, negated": ({"_id": {"$not": {"$in": ["AB" * 12]}}}, False),
    "a time by its type": ({"timestamp": {"$type": "date"}}, True),
    "a time by its type among others": ({"timestamp": {"$type": ["string", 9]}}, True),
    "a time is no text": ({"timestamp": {"$type": "string"}}, False),
    "a time is no number": ({"timestamp": {"$type": "number"}}, False),
    "a time has no pattern": ({"timestamp": {"$regex": "2026"}}, False),
    "a time has no size": ({"timestamp": {"$not": {"$size": 1}}}, True),
    "a time has no elements": ({"timestamp": {"$elemMatch": {"$exists": True}}}, False),
    "a time not after another": ({"timestamp": {"$not": {"$gt": "2026-01-11T16:55:21.013Z"}}}, True),
    "a time that is all of these": ({"timestamp": {"$all": ["2026-01-11T16:55:21.013Z", 1768150521013]}}, True),
    "a step's name among others": ({"stepName": {"$in": ["x", "rank", 5, None]}}, True),
    "a step's name is not a number": ({"stepName": 5}, False),
    "a step's name above another": ({"stepName": {"$gt": "a"}}, True),
    "a step's name beyond a number": ({"stepName": {"$gt": 5}}, False),
    "a step's name of another type than a list": ({"stepName": {"$gte": []}}, False),
    "a step's name that is not": ({"stepName": {"$ne": "rank"}}, False),
    "a step's number": ({"stepNumber": 3.0}, True),
    "a step's number is not its text": ({"stepNumber": "3"}, False),
    "a step's number is not a boolean": ({"stepNumber": {"$gte": False}}, False),
    "a step's number between two": ({"stepNumber": {"$gt": 2, "$lte": 3}}, True),
    "an id": ({"_id": "AB" * 12}, True),
    "an id after another": ({"_id": {"$gt": "0" * 24}}, True),
    "an id that is null": ({"_id": None}, False),
    "a time as a number": ({"timestamp": 1768150521013}, True),
    "a time as a number with a fraction": ({"timestamp": 1768150521013.75}, True),
    "a time as text": ({"timestamp": "2026-01-11T16:55:21.013Z"}, True),
    "a time as text with another offset": ({"timestamp": {"$lte": "2026-01-11T18:55:21.013+02:00"}}, True),
    "a time before another": ({"timestamp": {"$lt": "2026-01-11T16:55:21.013Z"}}, False),
    "a time among others": ({"timestamp": {"$in": [0, "2026-01-11T16:55:21.013Z", None]}}, True),
    "a time is there": ({"timestamp": {"$exists": True}}, True),
    "a time that is null": ({"timestamp": None}, False),
    "a field of an artifact": ({"artifacts.dataId": "d2"}, True),
    "a field of no artifact": ({"artifacts.dataId": "d3"}, False),
    "an artifact by its place": ({"artifacts.0.dataId": "d2"}, False),
    "an empty context": ({"inputs.context.length": 0}, True),
    "a field that this step lacks": ({"parentStepId": None}, True),
    "a field that this step lacks exists not": ({"parentStepId": {"$exists": False}}, True),
    "a path below a scalar": ({"stepName.x": {"$exists": True}}, False),
}


@pytest.mark.parametrize(("filter", "expected"), FIELD_CASES.values(), ids=FIELD_CASES.keys())
def test_every_field_of_a_step_can_be_asked_for(table, filter, expected):
    step = {
        "_id": "ab" * 12,
        "stepName": "rank",
        "stepNumber": 3,
        "timestamp": 1768150521013,
        "artifacts": [{"dataId": "d1", "type": "input"}, {"dataId": "d2", "type": "output"}],
        "metadata": {},
        "inputs": {"context": {"type": "list", "length": 0, "bytes": 2}},
    }
    table.fill([step])
    assert table.find(filter) == [0] * expected


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"pending": True}, [0]),
        ({"pending": {"$ne": True}}, [1]),
        ({"pending": {"$exists": True}}, [0]),
        ({"pending": {"$exists": False}}, [1]),
        ({"pending": None}, [1]),
        ({"pending": {"$in": [True, None]}}, [0, 1]),
        ({"pending": {"$nin": [True, None]}}, []),
        ({"pending": False}, []),
        ({"pending": {"$ne": False}}, [0, 1]),
        ({"pending": 1}, []),
        ({"pending": "true"}, []),
        ({"pending": {"$gt": False}}, [0]),
        ({"pending": {"$gte": 0}}, []),
        ({"pending.x": None}, [0, 1]),
        ({"$or": [{"pending": True}, {"stepName": "done"}]}, [0, 1]),
    ],
)
def test_a_step_that_is_running_can_be_told_from_one_that_is_done(table, filter, expected):
    table.fill([{"stepName": "running", "pending": True}, {"stepName": "done"}])
    assert table.find(filter) == expected


def test_the_fields_of_a_trace_can_be_asked_for():
    table = Table("traces")
    pending = {"traceId": "t1", "status": "pending", "createdAt": 1000, "endedAt": None, "metadata": {"u": 1}}
    failed = {"traceId": "t2", "status": "failure", "createdAt": 2000, "endedAt": 3000, "failureMetadata": {"e": "x"}}
    table.fill([pending, failed])
    found = [
        table.find({"status": "pending"}),
        table.find({"endedAt": None}),
        table.find({"endedAt": {"$ne": None}}),
        table.find({"endedAt": {"$type": "null"}}),
        table.find({"endedAt": {"$type": "date"}}),
        table.find({"endedAt": {"$not": {"$gt": 5000}}}),
        table.find({"createdAt": {"$gt": "1970-01-01T00:00:01Z"}}),
        table.find({"failureMetadata.e": "x"}),
        table.find({"$or": [{"metadata.u": 1}, {"traceId": "t2"}]}),
    ]
    table.close()
    assert found == [[0], [0], [1], [0], [1], [0, 1], [1], [1], [0, 1]]


def test_a_project_in_a_filter_is_a_field_like_any(table):
    table.fill([{"projectId": "p1"}, {"projectId": "p2"}])
    assert (table.find({"projectId": "p2"}), table.find({"projectId": {"$ne": "p2"}})) == ([1], [0])


def test_metadata_as_deep_as_it_may_be_is_reached(table):
    deep = {"leaf": 1}
    for _ in range(49):
        deep = {"k": deep}
    table.fill([{"metadata": deep}, {"metadata": {"k": {}}}])
    path = ".".join(["metadata", *"k" * 49, "leaf"])
    assert (table.find({path: 1}), table.find({path: {"$exists": False}}), table.find({"metadata": deep})) == (
        [0],
        [1],
        [0],
    )


def test_a_filter_as_deep_as_it_may_be_means_what_it_says(table):
    """Deep down SQL no longer decides; a time is a date there, too, but not in what an array holds."""
    table.fill([{"timestamp": 5000, "artifacts": [{"timestamp": "noon"}], "metadata": {"a": 1}}, {"timestamp": 6000}])
    for innermost, expected in (
        ({"timestamp": {"$lte": "1970-01-01T00:00:05Z"}}, [0]),
        ({"timestamp": {"$in": [6000, None]}}, [1]),
        ({"artifacts.timestamp": "noon"}, [0]),
        ({"metadata.a": {"$gt": 0}}, [0]),
    ):
        nested, negated = innermost, {"$nor": [innermost]}
        for _ in range(24):
            nested = {"$and": [{"stepName": None}, {"$or": [{"stepName": "x"}, nested]}]}
            negated = {"$nor": [{"stepName": "x"}, {"$nor": [{"stepName": "x"}, negated]}]}
        assert table.find(nested) == expected
        assert table.find(negated) == [index for index in (0, 1) if index not in expected]


@pytest.mark.parametrize("last", [{"$gt": 1}, {"$size": 9}, {"$elemMatch": {"0": 2}}, None])
def test_keys_that_are_also_indexes_do_not_multiply_the_ways_through_a_document(table, last):
    """Each of 24 levels doubles the ways: to walk them all would take hours."""
    deep = 1
    for _ in range(24):
        deep = [{"0": deep}]
    table.fill([{"metadata": {"a": deep}}])
    assert table.find({".".join(["metadata", "a", *"0" * 36]): last}) == ([] if last else [0])
    nested = {"$gt": 1}
    for _ in range(12):
        nested = {"$elemMatch": {"0.0.0": nested}}
    assert table.find({"metadata.a": nested}) == []

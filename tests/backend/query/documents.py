"""Random steps and traces, and filters grown from them so that most match something."""

from hypothesis import strategies as st

from xray_backend.store.records import EventBatch, StepRecord, TraceEvent

KEYS = ["a", "b", "c", "0", "1", "01", 'quo"te', "back\\slash", "tab\t", "é", "x y", "[0]", "#-1", "*"]
UNREACHABLE_KEYS = ["", "d.e", "$f"]
INTEGERS = [0, 1, -1, 2, 5, 2**31 - 1, 2**31, -(2**31), 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.0, 1.5, -1.0, 0.1, 2.0**53, 2.0**63, 1e300, 5e-324, 0.30000000000000004]
STRINGS = [
    "", "a", "b", "ab", "AB", "1", "true", "null", "a\n", "a\nb", "\n", "a\0", "a\0b", "é", "\U0001f600", "\uffff",
    '"', "\\u0000", "[1]", "%", "two words", "x.y",
]  # fmt: skip

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(INTEGERS),
    st.sampled_from(FLOATS),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(STRINGS),
)
ANY_KEY = st.sampled_from(KEYS[:5] * 4 + KEYS + UNREACHABLE_KEYS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(ANY_KEY, inner, max_size=3),
        st.lists(st.dictionaries(st.sampled_from(KEYS[:4]), inner, min_size=1, max_size=2), min_size=1, max_size=3),
    ),
    max_leaves=8,
)
METADATA = st.dictionaries(ANY_KEY, VALUES, max_size=3)
TIMES = st.sampled_from([0, 1, 1768150521013])


@st.composite
def batches(draw, collection, project_id):
    """A few documents, as a store is given them."""
    one = _step_records if collection == "steps" else _trace_events
    drawn = [draw(one(number)) for number in range(draw(st.integers(1, 5)))]
    return EventBatch(project_id, **{collection: drawn})


@st.composite
def steps(draw):
    """A step as an answer has it, but with its time as a number."""
    artifact = st.fixed_dictionaries({"dataId": st.sampled_from("xyz"), "type": st.sampled_from(["input", None])})
    step = {
        "_id": draw(st.sampled_from(["0" * 24, "ab" * 12, "f" * 24])),
        "type": "step",
        "stepName": draw(st.sampled_from(["rank", "search", "5", None])),
        "stepNumber": draw(st.sampled_from([1, 2, 5, None])),
        "artifacts": draw(st.lists(artifact, max_size=3)),
        "metadata": draw(METADATA),
        "timestamp": draw(TIMES),
    }
    if draw(st.booleans()):
        step["inputs"] = draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2))
    if draw(st.booleans()):
        step["pending"] = True
    return step


@st.composite
def _step_records(draw, number):
    step = draw(steps())
    document = {name: value for name, value in step.items() if name not in ("_id", "timestamp")}
    name, place, pending = step["stepName"], step["stepNumber"], step.get("pending", False)
    return StepRecord(f"s{number}", f"t{number % 2}", name, place, step["timestamp"], pending, document)


@st.composite
def _trace_events(draw, number):
    kind = draw(st.sampled_from(["trace-start", "trace-success", "trace-failure"]))
    started, ended = draw(TIMES), None if kind == "trace-start" else draw(TIMES)
    end_metadata = {} if kind == "trace-start" else draw(METADATA)
    return TraceEvent(
        f"t{number}", kind, started, ended, None, draw(st.sampled_from(["run", None])), draw(METADATA), end_metadata
    )


COMPARISONS = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]
DATES = ("timestamp", "createdAt", "endedAt")
TYPES = [
    "double", "string", "object", "array", "objectId", "bool", "date", "null", "int", "long", "number", "decimal",
    1, 2, 3, 4, 7, 8, 9, 10, 16, 18, 19, -1, 127, 2.0,
]  # fmt: skip


@st.composite
def filters(draw, document, depth=3, inside=False):
    """A filter with one or two entries, of a document or, inside, of an object in an array."""
    if depth and draw(st.integers(0, 4)) == 0:
        branches = st.lists(filters(document, depth - 1, inside), min_size=1, max_size=3)
        return {draw(st.sampled_from(["$and", "$or", "$nor"])): draw(branches)}
    entries = {}
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        path, value = draw(_places(document, inside))
        plain = draw(st.integers(0, 4)) == 0
        entries[path] = draw(_operands(path, value, False) if plain else _operators(path, value, depth))
    return entries


@st.composite
def _places(draw, document, inside):
    """A path into the document, sometimes past its end, and the value there."""
    parts, value = [], document
    for _ in range(draw(st.integers(1, 5))):
        if isinstance(value, list) and value:
            index = draw(st.integers(0, len(value) - 1))
            if parts and draw(st.booleans()):
                parts.append(str(index))
            value = value[index]
        if not isinstance(value, dict):
            continue
        parts.append(draw(_keys(value, at_top=not (parts or inside))))
        value = value.get(parts[-1])
    if not parts:
        parts = [draw(st.sampled_from(KEYS))]
    if (len(parts) > 1 or inside) and draw(st.integers(0, 9)) == 0:
        parts.append(draw(st.sampled_from(KEYS[:6])))
    return ".".join(parts), value


@st.composite
def _keys(draw, holder, at_top):
    """A key of an object, or one that it has not; at the top rather one with objects below."""
    keys = [key for key in holder if key not in UNREACHABLE_KEYS]
    if at_top:
        keys += [key for key in keys if isinstance(holder[key], dict)] * 5 + ["metadata"] * 3
    elif not keys or draw(st.integers(0, 9)) == 0:
        keys = KEYS
    return draw(st.sampled_from(keys))


@st.composite
def _operators(draw, path, value, depth):
    """One or two operators with their operands, such as stand below a path."""
    fitting = [*COMPARISONS, "$in", "$nin", "$exists", "$type", "$size", "$all"]
    fitting += ["$regex"] * 3 * _holds(value, str) + ["$elemMatch"] * 8 * isinstance(value, list)
    if depth:
        fitting += ["$not", "$elemMatch", "$regex"]
    operators = {}
    for operator in draw(st.lists(st.sampled_from(fitting), min_size=1, max_size=2)):
        operators[operator] = draw(_operands_of(operator, path, value, depth))
        if operator == "$regex":
            operators["$options"] = "".join(draw(st.lists(st.sampled_from("imsx"), unique=True, max_size=2)))
    return operators


def _holds(value, kind):
    return isinstance(value, kind) or (isinstance(value, list) and any(isinstance(item, kind) for item in value))


def _operands_of(operator, path, value, depth):
    if operator in ("$in", "$nin"):
        return st.lists(_operands(path, value, False), max_size=3)
    if operator == "$all":
        return _all(path, value, depth)
    if operator == "$exists":
        return st.booleans()
    if operator == "$type":
        return st.one_of(st.sampled_from(TYPES), st.lists(st.sampled_from(TYPES), min_size=1, max_size=3))
    if operator == "$size":
        return st.sampled_from([len(value), len(value), 0, 1.0, 3] if isinstance(value, list) else [0, 1, 2])
    if operator == "$regex":
        return _patterns(value)
    if operator == "$elemMatch":
        return _element_conditions(path, value, depth)
    return _operators(path, value, depth - 1) if operator == "$not" else _operands(path, value)


@st.composite
def _all(draw, path, value, depth):
    if depth and draw(st.integers(0, 2)) == 0:
        conditions = st.lists(_element_conditions(path, value, depth), min_size=1, max_size=2)
        return [{"$elemMatch": condition} for condition in draw(conditions)]
    return draw(st.lists(_operands(path, value, False), max_size=3))


@st.composite
def _element_conditions(draw, path, value, depth):
    """What `$elemMatch` takes: operators, or a filter of objects; made from an element where there is one."""
    element = draw(st.sampled_from(value)) if isinstance(value, list) and value else None
    if isinstance(element, list) and draw(st.booleans()):
        element = {str(index): item for index, item in enumerate(element)}
    if isinstance(element, dict) or draw(st.integers(0, 5)) == 0:
        return draw(st.one_of(st.just({}), *[filters(element or {}, max(depth - 1, 0), inside=True)] * 9))
    return draw(_operators("", element, max(depth - 1, 0)))


@st.composite
def _patterns(draw, value):
    """A pattern that means the same to PCRE2 and to the oracle, which has another engine; mostly one that is found."""
    strings = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
    text = draw(st.sampled_from(strings or STRINGS))
    start = draw(st.integers(0, len(text)))
    part = text[start : draw(st.integers(start, len(text)))]
    written = "".join(char if char.isalnum() else f"\\x{ord(char):02x}" if char < "\x7f" else char for char in part)
    return draw(
        st.sampled_from(
            [written, "^" + written, written + "$", f"^{written}$", f"{written}|zz", f"[{written}b]", ".", "^.$", "a.b"]
        )
    )


@st.composite
def _operands(draw, path, value, leading_dollar=True):
    if path in DATES:
        return draw(st.sampled_from([value, 0, 1, 1768150521013, None]))
    if path == "_id":
        return draw(st.sampled_from([value, "0" * 24, None]))
    wanted = draw(st.one_of(st.just(value), st.just(value), VALUES))
    if isinstance(wanted, list) and wanted and draw(st.booleans()):
        wanted = draw(st.sampled_from(wanted))
    if isinstance(wanted, int) and not isinstance(wanted, bool) and draw(st.booleans()):
        wanted = float(wanted)
    if not leading_dollar and isinstance(wanted, dict) and any(key.startswith("$") for key in wanted):
        return None
    return wanted

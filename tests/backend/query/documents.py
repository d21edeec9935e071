"""Random documents, and filters grown from them so that most match something."""

from hypothesis import strategies as st

KEYS = ["a", "b", "c", "0", "1", "01", 'quo"te', "back\\slash", "tab\t", "é", "x y", "[0]", "#-1", "*"]
UNREACHABLE_KEYS = ["", "d.e", "$f"]
INTEGERS = [0, 1, -1, 2, 5, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.0, 1.5, -1.0, 0.1, 2.0**53, 2.0**63, 1e300, 5e-324, 0.30000000000000004]
STRINGS = [
    "",
    "a",
    "b",
    "ab",
    "1",
    "true",
    "null",
    "a\0",
    "a\0b",
    "é",
    "\U0001f600",
    "\uffff",
    '"',
    "\\u0000",
    "[1]",
    "%",
]

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
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ANY_KEY, inner, max_size=3)),
    max_leaves=8,
)
RANGES = ["$gt", "$gte", "$lt", "$lte"]
NAMES = ["rank", "search", "a\0b", "5", None]


@st.composite
def steps(draw):
    """A step as the store would hold it, but with its time as a number."""
    artifact = st.fixed_dictionaries({"dataId": st.sampled_from("xyz"), "type": st.sampled_from(["input", None])})
    step = {
        "_id": draw(st.sampled_from(["0" * 24, "ab" * 12, "f" * 24])),
        "stepName": draw(st.sampled_from(NAMES)),
        "stepNumber": draw(st.sampled_from([1, 2, 5, None])),
        "artifacts": draw(st.lists(artifact, max_size=3)),
        "metadata": draw(st.dictionaries(ANY_KEY, VALUES, max_size=3)),
        "timestamp": draw(st.sampled_from([0, 1, 1768150521013])),
    }
    if draw(st.booleans()):
        step["inputs"] = draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2))
    if draw(st.booleans()):
        step["pending"] = True
    return step


@st.composite
def filters(draw, document, depth=2):
    """A filter with one or two entries."""
    if depth and draw(st.integers(0, 3)) == 0:
        branches = st.lists(filters(document, depth - 1), min_size=1, max_size=3)
        return {draw(st.sampled_from(["$and", "$or"])): draw(branches)}
    path, value = draw(_places(document))
    if draw(st.integers(0, 4)) == 0:
        return {path: draw(_operands(path, value, leading_dollar=False))}
    operators = draw(
        st.lists(st.sampled_from(["$eq", "$ne", "$in", "$nin", "$exists", *RANGES * 2]), min_size=1, max_size=2)
    )
    return {path: {operator: draw(_operands_of(operator, path, value)) for operator in operators}}


@st.composite
def _places(draw, document):
    """A path into the document, sometimes past its end, and the value there."""
    parts, value = [], document
    for _ in range(draw(st.integers(1, 5))):
        if isinstance(value, list) and value:
            index = draw(st.integers(0, len(value) - 1))
            if draw(st.booleans()):
                parts.append(str(index))
            value = value[index]
        if not isinstance(value, dict):
            continue
        keys = [key for key in value if key not in UNREACHABLE_KEYS]
        if not parts:
            keys += ["metadata"] * 5 + ["output", "parentStepId", "pending"]
        elif not keys or draw(st.integers(0, 9)) == 0:
            keys = KEYS
        parts.append(draw(st.sampled_from(keys)))
        value = value.get(parts[-1])
    if len(parts) > 1 and draw(st.integers(0, 9)) == 0:
        parts.append(draw(st.sampled_from(KEYS[:6])))
    return ".".join(parts), value


@st.composite
def _operands(draw, path, value, leading_dollar=True):
    if path == "timestamp":
        return draw(st.sampled_from([value, 0, 1, None]))
    if path == "_id":
        return draw(st.sampled_from([value, "0" * 24, None]))
    wanted = draw(st.one_of(st.just(value), st.just(value), VALUES))
    if isinstance(wanted, list) and wanted and draw(st.booleans()):
        wanted = draw(st.sampled_from(wanted))
    if isinstance(wanted, int) and not isinstance(wanted, bool) and draw(st.booleans()):
        wanted = float(wanted)
    if not leading_dollar and isinstance(wanted, dict) and next(iter(wanted), "").startswith("$"):
        return None
    return wanted


def _operands_of(operator, path, value):
    if operator in ("$in", "$nin"):
        return st.lists(_operands(path, value, leading_dollar=False), max_size=3)
    if operator == "$exists":
        return st.booleans()
    return _operands(path, value)

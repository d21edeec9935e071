"""Patterns mean to us, by way of RE2, what they mean to PCRE2, which MongoDB runs them by."""

import os

import pcre2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backend.query.patterns import OPTIONS, TEXTS, patterns
from xray_backend.errors import BadRequest
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.regex.pattern import PatternRefused, compile_pattern, literal_prefix

CASES = int(os.environ.get("XRAY_PATTERN_CASES", "3000"))
_FLAGS = {"i": pcre2.I, "m": pcre2.M, "s": pcre2.S, "x": pcre2.X}


def pcre2_search(pattern, options):
    """The search of PCRE2 as MongoDB sets it up: in UTF, with the classes of ASCII."""
    return pcre2.compile(pattern, sum((_FLAGS[letter] for letter in options), pcre2.A)).search


@pytest.mark.timeout(0)
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(pattern=patterns(), options=OPTIONS, texts=st.lists(TEXTS, min_size=10, max_size=10))
def test_a_pattern_that_is_taken_finds_what_pcre2_finds(pattern, options, texts):
    try:
        is_found = compile_pattern(pattern, options)
    except PatternRefused:
        return
    search = pcre2_search(pattern, options)
    prefix = literal_prefix(pattern, options)
    for text in [*texts, *((prefix or "") + text for text in texts)]:
        assert is_found(text) == (search(text) is not None), (pattern, options, text)
        assert prefix is None or text.startswith(prefix) or not is_found(text), (pattern, options, text)


MEANINGS = {
    "a pattern is searched for anywhere": ("b", "", "abc", True),
    "a dollar stands before a last line's end": ("a$", "", "a\n", True),
    "a dollar does not stand before another line's end": ("a$", "", "a\nb", False),
    "a dollar stands before one last line's end only": ("a$", "", "a\n\n", False),
    "each branch may end with a dollar": ("^a$|^b$", "", "b\n", True),
    "a group may end with a dollar": ("a(b|c$)", "", "ac\n", True),
    "capital z is a dollar": (r"a\Z", "m", "a\n", True),
    "small z is the very end": (r"a\z", "", "a\n", False),
    "under m a dollar ends any line": ("a$", "m", "a\nb", True),
    "under m a circumflex begins any line": ("^b", "m", "a\nb", True),
    "without m it begins the text": ("^b", "", "a\nb", False),
    "under m no line begins behind the last line's end": (r"^\s*$", "m", "a\n", False),
    "under m an empty line inside is found": ("^$", "m", "a\n\nb", True),
    "under m the empty text has a line": ("^$", "m", "", True),
    "under m one branch may begin a line and another not": ("^$|x$", "m", "a\nx\n", True),
    "a dot is no line's end": ("a.b", "", "a\nb", False),
    "under s a dot is anything": ("a.b", "s", "a\nb", True),
    "a dot is a nul": ("a.b", "", "a\0b", True),
    "a nul is found by its number": (r"a\x00b", "", "a\0b", True),
    "nothing ends a text but its end": ("a$", "", "a\0b", False),
    "digits are those of ASCII": (r"\d", "", "\u0663", False),
    "words are those of ASCII": (r"\w", "", "é", False),
    "the edge of a word is one of ASCII": (r"\bé", "", "é", False),
    "white space has the vertical tab": (r"\s", "", "\v", True),
    "white space has no no-break space": (r"\s", "", "\u00a0", False),
    "horizontal space has the no-break space": (r"\h", "", "\u00a0", True),
    "vertical space has the line separator": (r"\v", "", "\u2028", True),
    "vertical space has the newline": (r"a\vb", "", "a\nb", True),
    "no newline": (r"a\Nb", "", "a\nb", False),
    "the end of a line may be two characters": (r"^a\Rb$", "", "a\r\nb", True),
    "the end of a line is not two line ends": (r"^a\R\rb", "", "a\r\nb", False),
    "POSIX sets are those of ASCII": ("[[:alpha:]]", "", "é", False),
    "POSIX sets may be negated": ("[[:^space:]]", "", "é", True),
    "letters without their case": ("outdoor", "i", "OUTDOOR", True),
    "letters beyond ASCII without their case": ("é", "i", "É", True),
    "the Kelvin sign is a k": ("k", "i", "\u212a", True),
    "the long s is no letter of a word, whatever the case": (r"\w", "i", "\u017f", False),
    "a set of letters without case": ("[a-c]", "i", "B", True),
    "a negated set without case": (r"[^\sk]", "i", "\u212a", False),
    "POSIX's capitals are all letters without case": ("[[:upper:]]", "i", "a", True),
    "an option may be set inside": ("a(?i)b", "", "aB", True),
    "an option inside holds to the end of the group": ("(?:a(?i)b)c", "", "aBC", False),
    "an option inside holds for later branches": ("(?:a(?i)b|c)", "", "C", True),
    "an option may be taken back": ("(?-i:a)b", "i", "AB", False),
    "under x white space is none": ("a b", "x", "ab", True),
    "under x an escaped space is one": (r"a\ b", "x", "a b", True),
    "under x a set has its spaces": ("a[ ]b", "x", "a b", True),
    "under x a comment ends with the line": ("a # b\nc", "x", "ac", True),
    "under x a quantifier may stand apart": ("^a {2}$", "x", "aa", True),
    "a comment in parentheses": ("a(?#b)c", "", "ac", True),
    "quoted text is itself": (r"\Qa.b\E", "", "axb", False),
    "quoted text is repeated by its last letter": (r"^\Qab\E+$", "", "abb", True),
    "a hexadecimal number in braces": (r"\x{1F600}", "", "\U0001f600", True),
    "an octal number": (r"\101\060"[4:], "", "0", True),
    "a control character": (r"\cA", "", "\x01", True),
    "a category of Unicode": (r"\p{Lu}", "", "É", True),
    "a category of Unicode, negated": (r"^\P{L}$", "", "1", True),
    "a named group": ("(?<year>[0-9]{4})-", "", "2026-", True),
    "braces that are no quantifier": ("a{b}", "", "a{b}", True),
    "braces with nothing in them": ("a{}", "", "a{}", True),
    "a closing bracket at the front of a set": ("[]a]", "", "]", True),
    "lazy or not, there is a match": ("^a+?b$", "", "aab", True),
    "letters beyond the basic plane are one": ("^.$", "", "\U0001f600", True),
}


@pytest.mark.parametrize(("pattern", "options", "text", "expected"), MEANINGS.values(), ids=MEANINGS.keys())
def test_a_pattern_means_what_it_means_in_mongodb(pattern, options, text, expected):
    assert compile_pattern(pattern, options)(text) == expected
    if r"\x{" not in pattern:  # its Python package reads them as JavaScript does
        assert (pcre2_search(pattern, options)(text) is not None) == expected


REFUSED = [
    ("(?=a)", "", "a look-ahead"),
    ("(?!a)", "", "a look-ahead"),
    ("(?<=a)b", "", "a look-behind"),
    ("(?<!a)b", "", "a look-behind"),
    ("(?>a)", "", "an atomic group"),
    ("(a)\\1", "", "a back-reference"),
    ("(?<n>a)\\k<n>", "", "a back-reference"),
    ("(?P<n>a)(?P=n)", "", "a back-reference"),
    ("(a)\\g1", "", "a back-reference or a call of a group"),
    ("a*+", "", "a possessive quantifier"),
    ("a{2}+", "", "a possessive quantifier"),
    ("(?(1)a|b)", "", "a condition"),
    ("(*UCP)a", "", "a verb"),
    ("(?R)", "", "a kind of group that is not supported"),
    ("a\\Kb", "", "\\K"),
    ("\\Ga", "", "\\G"),
    ("\\X", "", "\\X"),
    ("\\C", "", "a single byte"),
    ("\\y", "", "the escape \\y"),
    ("\\u00e9", "", "the escape \\u"),
    ("[\\B]", "", "the escape \\B, which means nothing in a set"),
    ("\\p{Greek}", "", "none of Unicode's general categories"),
    ("\\p{Lu}", "i", "asks for case by \\p{Lu}"),
    ("a$b", "", "a $ or \\Z with something behind it"),
    ("(a$)*b", "", "a $ or \\Z with something behind it"),
    ("(^|,)x*", "m", "a ^ under the option m"),
    ("\\R\\n", "", "a \\R before what may be an end of line"),
    ("\\B", "", "a \\B with no character beside it"),
    ("[^\\wé]", "i", "letters beyond ASCII"),
    ("(a", "", "a group without its closing parenthesis"),
    ("a)", "", "closes a group that was not opened"),
    ("[a", "", "a set without its closing bracket"),
    ("[b-a]", "", "a range whose end comes first"),
    ("[a-\\d]", "", "a hyphen beside a set"),
    ("[[:alpah:]]", "", "a POSIX set of an unknown name"),
    ("[[.a.]]", "", "a collating element"),
    ("[:alpha:]", "", "a POSIX set or element that stands in no other brackets"),
    ("[.a.]", "", "a POSIX set or element that stands in no other brackets"),
    ("*a", "", "nothing to repeat"),
    ("a**", "", "nothing to repeat"),
    ("^*", "", "nothing to repeat"),
    ("a{2,1}", "", "the wrong way round"),
    ("a{1001}", "", "repeats more than 1000 times"),
    ("a{ 2 }", "", "braces that are a quantifier to some versions"),
    ("a{100000}", "", "braces that are a quantifier to some versions"),
    ("a{,3}", "", "braces that are a quantifier to some versions"),
    ("(a{100}){100}", "", "is too large when its repetitions are written out"),
    ("\\p{L}{1000}", "", "is too large when its repetitions are written out"),
    ("(" * 51 + ")" * 51, "", "nests more than 50 groups"),
    ("a\\", "", "ends with a single backslash"),
    ("\\x{110000}", "", "the number of no character"),
    ("\\x{d800}", "", "the number of no character"),
    ("\\x{zz}", "", "\\x{ without hexadecimal digits"),
    ("\\cé", "", "\\c without a character of ASCII"),
    ("(?#a", "", "a comment without its closing parenthesis"),
    ("(?<n>a)(?<n>b)", "", "gives two groups the same name"),
    ("a\0b", "", "holds a NUL"),
    ("x" * 1001, "", "is longer than 1000 characters"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "options", "part"), REFUSED, ids=[f"{n} {part}" for n, (*_, part) in enumerate(REFUSED)]
)
def test_a_pattern_that_re2_cannot_run_is_refused_with_a_sentence(pattern, options, part):
    with pytest.raises(BadRequest) as refusal:
        parse_filter({"metadata.a": {"$regex": pattern, "$options": options}}, "steps", QueryLimits())
    message = refusal.value.message
    assert message.startswith("The pattern for 'metadata.a' ")
    assert part in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("pattern", "options", "prefix"),
    [
        ("^abc", "", "abc"),
        (r"\Aa\.b", "", "a.b"),
        ("^ab*c", "", "a"),
        ("^ab+c", "", "ab"),
        ("^ab{2}c", "", "abbc"),
        ("^(?:ab)c", "", "abc"),
        ("^a|b", "", None),
        ("^(a|b)", "", None),
        ("^a", "s", "a"),
        ("^a b", "x", "ab"),
        ("^a(?i)b", "", "a"),
        ("^a", "i", None),
        ("^a", "m", None),
        ("a", "", None),
        ("^", "", None),
        ("^.a", "", None),
        ("(^a)", "", "a"),
        ("(^a)?", "", None),
        (r"^\Qa.b\E.", "", "a.b"),
        ("^é\U0001f600", "", "é\U0001f600"),
        ("^a$", "", "a"),
    ],
)
def test_what_every_match_begins_with_is_told_exactly(pattern, options, prefix):
    compile_pattern(pattern, options)
    assert literal_prefix(pattern, options) == prefix


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x", "(a?){500}a{500}b"])
def test_no_pattern_runs_away(pattern):
    assert not compile_pattern(pattern, "")("a" * 20_000 + "!")

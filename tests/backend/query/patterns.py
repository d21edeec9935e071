"""Random patterns and texts, of pieces in which engines differ."""

from hypothesis import strategies as st

_PIECES = [
    "a", "b", "k", "s", "é", "É", "ß", "1", "_", " ", "-", ".", "\n", "\r\n", "#", "{", "}", "{}", "\u017f", "\u212a",
    "\u2028", "İ",
    r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\h", r"\H", r"\v", r"\V", r"\N", r"\R", r"\n", r"\r", r"\t", r"\x41",
    r"\0", r"\e", r"\a", r"\f", r"\cA", r"\o{101}", r"\.", r"\-", r"\é", r"\p{L}", r"\P{L}", r"\p{Nd}", r"\p{Lu}",
    r"\pL", r"\p{^Lu}", "^", "$", r"\A", r"\z", r"\Z", r"\b", r"\B",
    "[ab]", "[^a]", "[a-c]", r"[^\d]", r"[\w-]", r"[\s\d]", r"[^\sa]", r"[^\wé]", "[[:alpha:]]", "[[:^digit:]]",
    "[[:upper:]1]", "[^[:lower:]]", "[]a]", "[^]a]", r"[a\]b]", r"[\x41-\x43]", "[é-ë]", r"[\b]", "[.$^]", "[a-]",
    "[-a]", r"[\h\v]", r"\Qa.b\E", r"\Q", r"\E", "(?i)", "(?-i)", "(?s)", "(?m)", "(?x)", "(?#c)", "(?i:", "(?:", "(",
    "(?<n>", "(?P<m>", "(?|", ")", ")", ")", "|", "|", "*", "+", "?", "*?", "??", "{2}", "{1,2}", "{0}", "{2}?",
]  # fmt: skip
_CHARACTERS = (
    "aabkKsSéÉß1_ -.\n\n\r\t\x00\x1b\x07\x0cAB[]^\u017f\u212a\u2028\x85\u00a0İ\u0131\u0663\U0001d538#|{}\x08\x0b"
)

OPTIONS = st.lists(st.sampled_from("imsx"), unique=True, max_size=2).map("".join)
TEXTS = st.text(st.sampled_from(_CHARACTERS), max_size=7)


@st.composite
def patterns(draw):
    """A pattern, mostly one that can be run: groups that it opens are closed."""
    pieces = draw(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=6))
    pattern = draw(st.sampled_from(["", "", "^"])) + "".join(pieces)
    return pattern + ")" * max(0, pattern.count("(") - pattern.count(")")) + draw(st.sampled_from(["", "", "$"]))

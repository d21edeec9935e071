"""How large a filter may be."""

from dataclasses import dataclass

__all__ = ["QueryLimits"]


@dataclass(frozen=True)
class QueryLimits:
    """Bounds that keep one query from costing what a thousand should."""

    max_depth: int = 50
    """As deep as metadata may be, so that any stored value can be asked for whole."""

    max_clauses: int = 100
    """Each is one test a row; far from the 1,000 levels to which SQLite nests expressions."""

    max_list_length: int = 1000
    """Ten pages of ids, which is what a list is mostly made of."""

    max_values: int = 5000
    """In the whole filter, nested ones included; with each bound twice, still below SQLite's 32,766 parameters."""

    max_text_bytes: int = 256 * 1024
    """Of all strings in the filter together: as large as an event, so that any stored value can be asked for. What
    goes into the query is a multiple of it, by the length of the paths."""

    max_path_parts: int = 51
    """The stored field and then as many keys as metadata may be deep."""

    max_path_bytes: int = 1000
    """Room for the most parts at about twenty letters each; a path is bound several times a clause."""

    max_regex_length: int = 1000
    """In characters; what people write has some tens. A pattern may grow as it is compiled, which has a bound of its
    own."""

"""Fixtures that `tests/live` has in common with the tests of the examples."""

from tests.examples.conftest import home

__all__ = ["home"]

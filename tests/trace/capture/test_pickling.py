"""A pickle is kept beside a description only, and only where the user wants one."""

import threading

import cloudpickle
import pytest

from xray_trace.capture.capturer import Capturer
from xray_trace.config import DEFAULT_REDACTED_NAMES


class Opaque:
    def __init__(self, size: int) -> None:
        self.size = size


@pytest.mark.parametrize(
    ("setting", "call", "kept"), [(False, None, False), (True, None, True), (False, True, True), (True, False, False)]
)
def test_the_call_decides_over_the_setting(setting: bool, call: bool | None, kept: bool) -> None:
    captured = Capturer(DEFAULT_REDACTED_NAMES, pickle=setting).capture("value", [Opaque(3)], pickle=call)
    assert (captured.pickled is not None) == kept
    if captured.pickled is not None:
        assert cloudpickle.loads(captured.pickled)[0].size == 3


def test_a_value_that_json_holds_needs_no_pickle() -> None:
    assert Capturer((), pickle=True).capture("value", {"a": [1j]}).pickled is None


def test_what_cannot_be_pickled_has_its_description_still() -> None:
    captured = Capturer((), pickle=True).capture("value", threading.Lock())
    assert captured.pickled is None
    assert captured.body == b'{"type":"_thread.lock","attributes":{}}'

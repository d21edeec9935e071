"""A clock that may jump must not make everything too old."""

from xray_backend.clock import SteadyClock, now_ms

SECOND_NS = 1_000_000_000


class Machine:
    """A machine whose date is set by hand, and whose time passes all the same."""

    def __init__(self) -> None:
        self.date_ms = 1_700_000_000_000
        self.passed_ns = 5 * SECOND_NS

    def wait(self, seconds: int) -> None:
        self.date_ms += seconds * 1000
        self.passed_ns += seconds * SECOND_NS


def test_a_steady_clock_goes_with_time_follows_a_date_that_is_set_back_and_not_one_that_jumps_ahead() -> None:
    machine = Machine()
    clock = SteadyClock(lambda: machine.date_ms, lambda: machine.passed_ns)
    machine.wait(10)
    assert clock() == 1_700_000_010_000
    machine.date_ms += 400 * 24 * 3600 * 1000
    assert clock() == 1_700_000_010_000
    machine.wait(10)
    assert clock() == 1_700_000_020_000
    machine.date_ms = 1_600_000_000_000
    assert clock() == 1_600_000_000_000


def test_a_steady_clock_tells_the_time_of_this_machine() -> None:
    clock = SteadyClock()
    before = now_ms()
    assert before - 1000 <= clock() <= now_ms() + 1

"""What is open is known, whatever happens at the same time; what has ended or was dropped is not."""

import gc
import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from xray_trace.context import Scope
from xray_trace.events import Unfinished
from xray_trace.recorder.running_scopes import RunningScopes


class Open(Scope, eq=False):
    began_seconds: float = 0.0

    def unfinished(self) -> Unfinished:
        return Unfinished(None, [])


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_has_been_open_for_a_second_is_found_and_what_is_younger_is_not():
    clock = Clock()
    scopes = RunningScopes(clock)
    old, young, trace = Open(98.9), Open(99.1), Open()
    scopes.steps["old"] = old
    scopes.steps["young"] = young
    opened = scopes.begin_trace(trace)
    assert dict(scopes.open_long()) == {"old": old}
    clock.now = 101.5
    assert dict(scopes.open_long()) == {"old": old, "young": young, opened: trace}
    for step_id in ("old", "young"):
        scopes.end_step(step_id)
    scopes.end_trace(opened)
    assert scopes.is_empty()
    assert scopes.open_long() == {}


ACTIONS = st.tuples(st.sampled_from(["begin", "end", "drop", "look", "wait"]), st.integers(0, 4), st.booleans())


class Program:
    """Five places for a step or trace each, and what must be known of them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.scopes = RunningScopes(self.clock)
        self.open: dict[int, tuple[object, Open]] = {}
        self.count = 0

    def do(self, action: str, place: int, *, is_trace: bool) -> None:
        if action == "begin" and place not in self.open:
            self.open[place] = self.begin(is_trace=is_trace)
        elif action == "end" and place in self.open:
            self.end(place)
        elif action == "drop":
            self.open.pop(place, None)
        elif action == "wait":
            self.clock.now += 0.6
        elif action == "look":
            found = set(self.scopes.open_long())
            for key, scope in self.open.values():
                assert (key in found) == (scope.began_seconds <= self.clock.now - 1)

    def begin(self, *, is_trace: bool) -> tuple[object, Open]:
        scope = Open(self.clock.now)
        if is_trace:
            return self.scopes.begin_trace(scope), scope
        self.count += 1
        self.scopes.steps[f"step-{self.count}"] = scope
        return f"step-{self.count}", scope

    def end(self, place: int) -> None:
        key, _ = self.open.pop(place)
        (self.scopes.end_step if isinstance(key, str) else self.scopes.end_trace)(key)


@settings(deadline=None)
@given(st.lists(ACTIONS, max_size=40))
def test_in_any_order_of_events_what_is_open_for_a_second_is_what_is_found(actions):
    program = Program()
    for action, place, is_trace in actions:
        program.do(action, place, is_trace=is_trace)
    program.clock.now += 2
    program.scopes.open_long()  # holds steps weakly from now on
    assert set(program.scopes.open_long()) == {key for key, _ in program.open.values()}
    for place in list(program.open):
        program.end(place)
    assert program.scopes.is_empty()


def test_a_step_that_ends_in_the_middle_of_its_move_is_forgotten():
    """Its thread may come at each of the two places between the operations that move it."""

    class Interrupted(dict):
        def pop(self, key, default=None):
            if self.before is not None:
                before, self.before = self.before, None
                before()
            found = super().pop(key, default)
            if self.after is not None:
                after, self.after = self.after, None
                after()
            return found

    for place in ("before", "after"):
        scopes = RunningScopes(Clock())
        scopes._young_steps = Interrupted(step=Open())
        scopes._young_steps.before = scopes._young_steps.after = None
        setattr(scopes._young_steps, place, lambda scopes=scopes: scopes.end_step("step"))
        scopes.open_long()
        assert scopes.is_empty(), place


def test_threads_that_begin_and_end_steps_under_a_look_leave_nothing_behind():
    scopes = RunningScopes(Clock())
    is_over = threading.Event()
    seen = 0

    def work(thread: int) -> None:
        open_now = [Open() for _ in range(5)]
        for number in range(20_000):
            scopes.steps[f"{thread}-{number}"] = open_now[number % 5]
            scopes.end_step(f"{thread}-{number - 4}")
        for number in range(20_000 - 4, 20_000):
            scopes.end_step(f"{thread}-{number}")

    def look() -> None:
        nonlocal seen
        while not is_over.is_set():
            seen += len(scopes.open_long())

    looker = threading.Thread(target=look)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in (looker, *threads):
        thread.start()
    for thread in threads:
        thread.join(60)
    is_over.set()
    looker.join(60)
    assert seen > 0, "the look came upon open steps"
    assert scopes.is_empty()


def test_a_trace_that_is_dropped_without_an_end_is_not_kept_alive(recorder):
    recorder.create_trace()
    gc.collect()
    assert recorder.recorder.core.running.is_empty()


def test_steps_and_traces_that_ended_are_not_known_any_more(recorder):
    import xray_trace as xray

    with xray.trace("t"), xray.step("outer"):
        assert not recorder.recorder.core.running.is_empty()
        with xray.step("inner"):
            pass
    with xray.step("alone"):
        pass
    assert recorder.recorder.core.running.is_empty()


def test_a_fork_child_forgets_what_is_open_in_its_parent():
    scopes = RunningScopes(Clock())
    scopes.steps["step"] = Open()
    trace = Open()
    opened = scopes.begin_trace(trace)
    scopes.open_long()
    scopes.forget_in_child()
    assert scopes.is_empty()
    scopes.end_trace(opened)
    scopes.end_step("step")


def test_the_background_is_woken_once_when_something_begins():
    scopes = RunningScopes(Clock())
    woken: list[None] = []
    for count, begin in enumerate((begin_step, begin_trace)):
        begin(scopes)
        assert len(woken) == count
        scopes.call_at_next(lambda: woken.append(None))
        begin(scopes)
        begin(scopes)
        assert len(woken) == count + 1
    scopes.call_at_next(lambda: woken.append(None))
    scopes.call_at_next(None)
    begin_step(scopes)
    assert len(woken) == 2


def begin_step(scopes: RunningScopes) -> None:
    scopes.steps["step"] = Open()
    scopes.end_step("step")


def begin_trace(scopes: RunningScopes) -> None:
    scopes.begin_trace(Open())

"""Who publishes, and what is known of it: threads, several apps, and tasks that do not tell their arguments."""

import threading

import pytest
import xray_celery
from celery import Celery, _state, chain, chord, current_app, group, signals

import xray_trace as xray
from tests.celery.in_memory import Tasks, named, tasks
from tests.recorder import recorder
from xray_trace.testing import MemoryTracer

__all__ = ["recorder", "tasks"]


@pytest.mark.parametrize("has_app", [True, False])
def test_a_message_from_a_thread_that_has_no_current_app_is_recorded_like_any(
    recorder: MemoryTracer, tasks: Tasks, has_app: bool
) -> None:
    xray_celery.install(tasks.app if has_app else None)
    former = _state.default_app
    _state.default_app = None

    def publish() -> None:
        with xray.trace("request"):
            tasks.add.delay(1)
            tasks.app.send_task("of_another_program", (1,))

    thread = threading.Thread(target=publish)
    thread.start()
    thread.join()
    made, _state.default_app = _state.default_app, former
    assert made is None
    assert dict(named(recorder, "publish add").inputs) == {"x": 1, "y": 1}
    assert dict(named(recorder, "publish of_another_program").inputs) == {"args": [1]}
    assert ["xray-context" in headers for headers in tasks.messages()] == [True, True]


def test_of_two_apps_tasks_of_one_name_that_of_the_app_which_publishes_gives_the_names(
    recorder: MemoryTracer, tasks: Tasks
) -> None:
    xray_celery.install()
    other = Celery("other", broker="memory://", set_as_current=False)

    @other.task(name="add", shared=False)
    def add_in_another_way(left: int, right: int) -> None: ...

    tasks.app.finalize()
    former = _state._tls.current_app
    add_in_another_way.delay(1, 2)
    other.set_current()
    tasks.add.delay(1, 2)
    with Celery("third", broker="memory://", set_as_current=False) as knows_neither:
        knows_neither.send_task("add", (1, 2))
    _state._set_current_app(former)
    other.close()
    assert [dict(step.inputs) for step in recorder.steps] == [
        {"left": 1, "right": 2},
        {"x": 1, "y": 2},
        {"args": [1, 2]},
    ]


def test_what_another_app_publishes_is_left_out_though_the_app_is_current_and_has_a_task_of_that_name(
    recorder: MemoryTracer, tasks: Tasks
) -> None:
    former = _state._tls.current_app
    tasks.app.set_current()
    with Celery("other", broker="memory://", set_as_current=False) as other:

        @other.task(name="add", shared=False)
        def add_in_another_way(x: int) -> None: ...

        @other.task(name="of_another_app", shared=False)
        def of_another_app() -> None: ...

        tasks.app.finalize()
        add_in_another_way.delay(1)
        of_another_app.delay()
        other.send_task("of_another_program")
        tasks.add.delay(1)
    _state._set_current_app(former)
    assert [step.name for step in recorder.steps] == ["publish of_another_program", "publish add"]
    assert ["xray-context" in headers for headers in tasks.messages()] == [False, False, True, True]


@pytest.mark.parametrize("bind", [True, False])
def test_a_task_that_celery_shares_with_another_app_is_recorded_though_that_one_publishes_it(
    recorder: MemoryTracer, tasks: Tasks, bind: bool
) -> None:
    def shared(*args: int) -> None: ...

    with Celery("other", broker="memory://", set_as_current=False) as other:
        for app in (tasks.app, other):
            app.task(name="shared", shared=False, bind=bind, autoretry_for=(OSError,))(xray.step(shared))
            app.finalize()
        other.send_task("shared", (1,))
        other.send_task("celery.backend_cleanup")
    assert [step.name for step in recorder.steps] == ["publish shared", "publish celery.backend_cleanup"]


def test_a_task_whose_function_has_no_signature_is_recorded_and_carries_the_trace(
    recorder: MemoryTracer, tasks: Tasks
) -> None:
    class Unsigned:
        __signature__ = "unknown"

        def __call__(self, x: int) -> int:
            return x

    class Odd(tasks.app.Task):  # type: ignore[name-defined, misc]
        name = "odd"
        run = Unsigned()
        typing = False

    odd = tasks.app.register_task(Odd())
    with xray.trace("request"):
        odd.delay(1)
        assert odd.apply((1,)).get() == 1
    assert [dict(step.inputs) for step in recorder.steps] == [{"args": [1]}, {"args": [1]}]
    assert "xray-context" in tasks.messages()[0]


@pytest.mark.parametrize(
    "shape",
    [
        "a group in a group",
        "chords in a group",
        "a chord in a chord",
        "chains",
        "a chain in a chord",
        "a chain around a group in a chord",
        "a chain that begins with a group in a group",
        "a chord whose body is a group in a group",
        "groups in chains in each other",
    ],
)
def test_all_that_one_group_publishes_outside_any_trace_is_one(
    recorder: MemoryTracer, tasks: Tasks, shape: str
) -> None:
    add = tasks.add
    inner = chord([add.s(2), add.s(3)], add.si(9), app=tasks.app)
    both = group(add.s(2), add.s(3), app=tasks.app)
    around = chain(add.s(1), both, add.si(4))
    shapes = {
        "a group in a group": lambda: group(add.s(1), group(add.s(2), add.s(3)), add.s(4), app=tasks.app),
        "chords in a group": lambda: group(add.s(1), inner, add.s(4), inner.clone(), app=tasks.app),
        "a chord in a chord": lambda: chord([add.s(1), inner, add.s(4)], add.si(9), app=tasks.app),
        "chains": lambda: group(chain(add.s(1), add.s(2)), chain(add.s(3), add.s(4)), app=tasks.app),
        "a chain in a chord": lambda: chord([chain(add.s(1), add.s(2)), add.s(3)], add.si(9), app=tasks.app),
        "a chain around a group in a chord": lambda: chord([around, add.s(5)], add.si(9), app=tasks.app),
        "a chain that begins with a group in a group": lambda: group(
            chain(both, add.si(4), both, add.si(5)), add.s(6), app=tasks.app
        ),
        "a chord whose body is a group in a group": lambda: group(
            chord([add.s(2), add.s(3)], both, app=tasks.app), add.s(6), app=tasks.app
        ),
        "groups in chains in each other": lambda: chord(
            [chain(add.s(1), group(around, add.s(3), app=tasks.app), add.si(4)), add.s(5)], add.si(9), app=tasks.app
        ),
    }
    shapes[shape]().apply_async()
    assert len(recorder.steps) > 1
    assert len({step.trace_id for step in recorder.steps}) == 1
    assert [step.event["stepNumber"] for step in recorder.steps] == list(range(1, len(recorder.steps) + 1))
    assert [event["type"] for event in recorder.events if event["type"] == "trace-start"] == ["trace-start"]


def test_a_receiver_of_the_programs_that_publishes_another_task_leaves_the_first_as_it_is(
    recorder: MemoryTracer, tasks: Tasks
) -> None:
    def keep_a_log(sender: str, **_: object) -> None:
        if sender == "add":
            tasks.outer.delay(7)

    signals.before_task_publish.connect(keep_a_log, weak=False)
    try:
        with xray.trace("request"):
            tasks.add.delay(1)
            tasks.again.delay(1)
    finally:
        signals.before_task_publish.disconnect(keep_a_log)
    assert [(step.name, step.failed) for step in recorder.steps] == [
        ("publish outer", False),
        ("publish add", False),
        ("publish again", False),
    ]


def test_an_app_that_is_given_by_the_name_of_the_current_one_is_that_app(recorder: MemoryTracer, tasks: Tasks) -> None:
    former = _state._tls.current_app
    tasks.app.set_current()
    try:
        xray_celery.install(current_app)
        tasks.add.apply((1,))
    finally:
        _state._set_current_app(former)
    assert named(recorder, "add").output == 2

"""What is recorded without a worker: eager and direct calls, and messages on their way to a broker."""

import contextvars
import gc
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import xray_celery
from celery import Celery, signals
from kombu.exceptions import OperationalError
from opentelemetry import propagate
from opentelemetry.sdk.trace import TracerProvider

import xray_trace as xray
from tests.celery.in_memory import AT_ONCE, NOBODY, Tasks, inner, is_below, named, names, tasks
from tests.crash.delivery import ROOT
from tests.recorder import recorder
from xray_trace.testing import MemoryTracer

__all__ = ["recorder", "tasks"]

# -- no message -------------------------------------------------------------------------------------------------


def test_an_eager_task_is_a_step_of_the_current_trace(recorder: MemoryTracer, tasks: Tasks) -> None:
    with xray.trace("request"), xray.step("outer"):
        assert tasks.add.apply((1,), {"y": 2}).get() == 3
    run = named(recorder, "add")
    assert is_below(run, named(recorder, "outer"))
    assert is_below(named(recorder, "inner"), run)
    assert (dict(run.inputs), run.output) == ({"x": 1, "y": 2}, 3)
    assert run.metadata["celery"]["eager"] is True
    assert xray.current_trace() is None


def test_an_eager_task_outside_any_trace_makes_its_own(recorder: MemoryTracer, tasks: Tasks) -> None:
    tasks.app.conf.task_always_eager = True
    assert tasks.add.delay(1).get() == 2
    assert [event["type"] for event in recorder.events if "trace" in event["type"]] == ["trace-start", "trace-success"]


def test_eager_tasks_nest(recorder: MemoryTracer, tasks: Tasks) -> None:
    assert tasks.outer.apply((1,)).get(disable_sync_subtasks=False) == 2
    assert is_below(named(recorder, "add"), named(recorder, "outer"))


@pytest.mark.parametrize("throw", [True, False])
def test_each_attempt_of_an_eager_task_is_a_step_and_no_retry_is_an_error(
    recorder: MemoryTracer, tasks: Tasks, throw: bool
) -> None:
    with xray.trace("request"):
        if throw:
            with pytest.raises(Exception, match="busy"):
                tasks.again.apply((1,), throw=True)
        else:
            assert tasks.again.apply((2,)).get() == 2
    states = [step.metadata["celery"]["state"] for step in recorder.steps]
    assert states == (["RETRY"] if throw else ["RETRY", "RETRY", "SUCCESS"])
    assert [step.failed for step in recorder.steps] == [False] * len(states)


@pytest.mark.parametrize("throw", [True, False])
def test_an_eager_task_that_fails_within_another_error_tells_its_own(
    recorder: MemoryTracer, tasks: Tasks, throw: bool
) -> None:
    try:
        raise KeyError("of the caller")
    except KeyError:
        assert tasks.add.apply((1,)).get() == 2
        with pytest.raises(ValueError, match="no luck"):
            tasks.fail.apply(throw=throw).get()
    assert named(recorder, "fail").metadata["errorType"] == "ValueError"
    assert not named(recorder, "add").failed


def test_a_direct_call_is_the_function_alone(recorder: MemoryTracer, tasks: Tasks) -> None:
    with xray.trace("request"):
        assert tasks.add(1, 2) == 3
    assert names(recorder) == ["inner"]


# -- messages ---------------------------------------------------------------------------------------------------


def test_a_message_names_the_step_that_published_it(recorder: MemoryTracer, tasks: Tasks) -> None:
    with xray.trace("request") as began, xray.step("outer"):
        tasks.add.delay(1)
    publish = named(recorder, "publish add")
    assert is_below(publish, named(recorder, "outer"))
    assert dict(publish.inputs) == {"x": 1, "y": 1}
    [headers] = tasks.messages()
    with xray.continue_trace(headers) as continued:
        inner(1)
    assert continued.trace_id == began.trace_id
    assert is_below(named(recorder, "inner"), publish)


def test_the_users_own_objects_are_not_written_to(recorder: MemoryTracer, tasks: Tasks) -> None:
    theirs = {"tenant": "acme", "headers": {"tenant": "acme"}}
    tasks.add.apply_async((1,), headers=theirs)
    assert theirs == {"tenant": "acme", "headers": {"tenant": "acme"}}
    [headers] = tasks.messages()
    assert headers["tenant"] == "acme"
    assert set(headers["headers"]) == {"tenant", "traceparent", "xray-context"}


def test_a_traceparent_of_the_users_own_survives(recorder: MemoryTracer, tasks: Tasks) -> None:
    theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    tasks.add.apply_async((1,), headers={"traceparent": theirs})
    [first] = tasks.messages()
    tasks.add.apply_async((1,), headers={name: first[name] for name in ("traceparent", "xray-context")})
    [again] = tasks.messages()
    assert (first["traceparent"], again["traceparent"]) == (theirs, theirs)
    assert first["xray-context"] != again["xray-context"]


def test_a_traceparent_that_opentelemetry_writes_as_a_task_is_published_survives(
    recorder: MemoryTracer, tasks: Tasks
) -> None:
    def inject(headers: dict[str, Any], **_: object) -> None:
        propagate.inject(headers)

    provider = TracerProvider()
    signals.before_task_publish.connect(inject, weak=False, dispatch_uid="theirs")
    with provider.get_tracer("program").start_as_current_span("request") as span:
        tasks.add.delay(1)
    signals.before_task_publish.disconnect(dispatch_uid="theirs")
    [headers] = tasks.messages()
    context = span.get_span_context()
    assert headers["traceparent"].startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")
    assert "xray-context" in headers


def test_headers_that_name_a_trace_are_continued_where_there_is_none(recorder: MemoryTracer, tasks: Tasks) -> None:
    with xray.trace("request") as began:
        headers = xray.inject({})
    tasks.add.apply_async((1,), headers=headers)
    assert named(recorder, "publish add").trace_id == began.trace_id


def test_a_message_that_the_broker_does_not_get_is_an_error_by_the_next_publish(
    recorder: MemoryTracer, tasks: Tasks
) -> None:
    with xray.trace("request"):
        for _ in range(2):
            with pytest.raises(OperationalError), tasks.app.connection(NOBODY, transport_options=AT_ONCE) as away:
                tasks.add.apply_async((1,), connection=away, retry=False)
        tasks.add.delay(1)
    publishes = [step for step in recorder.steps if step.name == "publish add"]
    assert [step.failed for step in publishes] == [True, True, False]
    assert publishes[0].metadata["errorType"] == "xray_celery.publishing.NotPublished"


def test_a_message_that_the_broker_does_not_get_fails_the_trace_that_began_with_it(
    recorder: MemoryTracer, tasks: Tasks
) -> None:
    def publish() -> None:
        with tasks.app.connection(NOBODY, transport_options=AT_ONCE) as away, pytest.raises(OperationalError):
            tasks.add.apply_async((1,), connection=away, retry=False)

    thread = threading.Thread(target=publish)  # whose context ends with it
    thread.start()
    thread.join()
    contextvars.copy_context().run(publish)
    gc.collect()
    assert [step.failed for step in recorder.steps] == [True, True]
    assert [event["type"] for event in recorder.events if event["type"] == "trace-failure"] == ["trace-failure"] * 2


def test_a_message_that_is_not_handed_over_before_the_program_ends_is_told_of(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import celery, xray_celery\n"
        f"app = celery.Celery('app', broker={NOBODY!r}, broker_transport_options={AT_ONCE!r})\n"
        "xray_celery.install()\n"
        "app.send_task('add', (1,), retry=False)\n"
    )
    variables = {
        "XRAY_API_KEY": "key",
        "XRAY_BASE_URL": "http://127.0.0.1:9",
        "XRAY_SPOOL_DIR": str(tmp_path / "spool"),
    }
    done = subprocess.run(
        [sys.executable, str(program)], env={**variables, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert "OperationalError" in done.stderr
    kept = b"".join(file.read_bytes() for file in (tmp_path / "spool").rglob("*") if file.is_file())
    assert b"NotPublished" in kept
    assert b"trace-failure" in kept


# -- what is left out -------------------------------------------------------------------------------------------


def test_arguments_and_results_can_be_left_out(recorder: MemoryTracer, tasks: Tasks) -> None:
    xray_celery.install(tasks.app, capture_args=False, capture_result=False)
    tasks.add.apply((1,))
    tasks.add.delay(1)
    for name in ("add", "publish add"):
        assert (dict(named(recorder, name).inputs), named(recorder, name).output) == ({}, None)


def test_a_task_can_be_left_out_and_what_it_calls_stays(recorder: MemoryTracer, tasks: Tasks) -> None:
    xray_celery.install(tasks.app, ignore=["outer"])
    with xray.trace("request"):
        tasks.outer.delay(1)
        tasks.outer.apply((1,))
    assert sorted(map(str, names(recorder))) == ["add", "inner"]
    assert "xray-context" in tasks.messages()[0]


def test_a_task_that_is_left_out_begins_no_trace(recorder: MemoryTracer, tasks: Tasks) -> None:
    xray_celery.install(tasks.app, ignore=["add"])
    tasks.add.delay(1)
    assert recorder.events == []
    assert "xray-context" not in tasks.messages()[0]


def test_with_an_app_the_tasks_of_others_are_not_recorded(recorder: MemoryTracer, tasks: Tasks) -> None:
    other = Celery("other", broker="memory://", set_as_current=False)

    @other.task(name="of_another_app", shared=False)
    def of_another_app() -> None: ...

    of_another_app.delay()
    of_another_app.apply()
    tasks.add.apply((1,))
    assert names(recorder) == ["inner", "add"]
    xray_celery.install()
    of_another_app.delay()
    assert names(recorder)[-1] == "publish of_another_app"
    other.close()


def test_installing_it_again_records_nothing_twice_and_uninstalling_ends_it(
    recorder: MemoryTracer, tasks: Tasks
) -> None:
    before = len(signals.before_task_publish.receivers)
    for _ in range(3):
        xray_celery.install(tasks.app)
    assert len(signals.before_task_publish.receivers) == before
    tasks.add.delay(1)
    assert names(recorder) == ["publish add"]
    xray_celery.uninstall()
    tasks.add.delay(1)
    tasks.add.apply((1,))
    assert names(recorder) == ["publish add", "inner"]


def test_installing_it_again_while_a_task_runs_loses_nothing_of_the_run(recorder: MemoryTracer, tasks: Tasks) -> None:
    @tasks.app.task(name="install", shared=False)
    def install() -> str:
        xray_celery.install(tasks.app)
        return "done"

    install.apply()
    assert named(recorder, "install").output == "done"
    assert xray.current_trace() is None


def test_secret_arguments_stay_home(recorder: MemoryTracer, tasks: Tasks) -> None:
    @tasks.app.task(name="log_in", shared=False)
    def log_in(user: str, password: str) -> None: ...

    log_in.apply(("ada", "correct horse"))
    tasks.app.send_task("log_in", ("ada",), {"password": "correct horse"})
    assert "correct horse" not in str(recorder.events)

"""The runs that are open now.

LangChain calls back in other threads, in copied contexts and, for a stream, in the consumer's. So what runs is kept by
its run id alone, for all handlers together, and nothing is ever made the current step: LangChain says by itself what
runs where, and `inner` asks it.
"""

import atexit
import os
import sys
from threading import get_ident
from uuid import UUID

from langchain_core.runnables.config import var_child_runnable_config

from xray_langchain.run import Run
from xray_trace import Step
from xray_trace.instrumentation import NO_STEP, ProcessEnded, Scope, begin_step, get_scope, guarded, swallow

__all__ = ["OPEN_RUNS", "OpenRuns"]

MOST_ROOTS = 10_000
"""So many runs without a parent may be open at once. Each holds what went in, some kilobytes; a program runs fewer at
once, and what is over it was left by consumers of streams that stopped and never said so."""


class OpenRuns:
    """All runs that are open, by their ids; safe from any thread, since each change is one step of the interpreter."""

    def __init__(self, most_roots: int = MOST_ROOTS) -> None:
        self._runs: dict[UUID | None, Run] = {}
        self._roots: dict[UUID, Run] = {}
        self._of_parent: frozenset[UUID] = frozenset()
        self._most_roots = most_roots
        self.get = self._runs.get
        """Return the run of this id if it is open."""

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._runs)

    @property
    def roots(self) -> list[Run]:
        """Return those without a parent that is known, the oldest first."""
        return list(self._roots.values())

    def begin(self, run_id: UUID, parent_run_id: UUID | None, name: str, is_hidden: bool) -> Run | None:
        """Begin a run; None where nothing is recorded, or another handler has begun the run already."""
        runs = self._runs
        if run_id in runs:
            return None
        above = None if parent_run_id is None else runs.get(parent_run_id)
        around = None if above is None else above.step
        step = None
        try:
            scope = get_scope()
            parent = None if above is None else self._inner_below(above, scope)
            step = around if is_hidden else begin_step(name, parent=parent)
            if step is NO_STEP:
                return None
            run = Run(run_id, name, step, above, is_hidden)
            run.begun_in = above.begun_in if is_hidden and above is not None else scope
            run.is_below = around is not None
            self._add(run)
        except BaseException as error:  # a signal handler has struck, and nobody else knows of the step
            if step is not None and not is_hidden:
                step.end(error)
            raise
        return run

    def end(self, run_id: UUID, error: BaseException | None = None) -> None:
        """End a run if it is open, and with a root all that is left open below it."""
        try:
            run = self._runs.get(run_id)
            if run is not None:
                self._end(run, error)
        except BaseException as fault:  # noqa: BLE001 - what is not our own goes on from here
            run = self._runs.pop(run_id, None)
            if run is not None:
                with guarded("ending a run"):
                    self._end(run, error)  # a signal handler may have struck half-way
            swallow(fault, "ending a run")

    def stop(self, run: Run, reason: str) -> None:
        """End a run that nobody says the end of."""
        run.say("langchain", stopped_by=reason)
        self._end(run, None)

    def end_all(self) -> None:
        """End what the program leaves open as it ends, such as a stream of a loop that is gone.

        It has failed, as any step that its process did not survive: nobody knows whether it was wanted any more. What
        another thread began may still run, and begin more; it is told like any step.
        """
        others = sys._current_frames().keys() - {get_ident()}
        for root in self.roots:
            if root.run_id not in self._of_parent and root.thread_id not in others:
                self.end(root.run_id, ProcessEnded("step"))

    def spare(self) -> None:
        """Leave what is open to the parent, in a fork's child."""
        self._of_parent = frozenset(self._roots)

    def inner(self, scope: Scope | None) -> Scope | None:
        """Return the inner one of the scope that is set and the run whose code this is; `look_inside` has it asked.

        LangChain runs that code in a copy of the context that the run began in. So another scope than was set then has
        been set by that code since, be it by a generator's step or a function of `carry` that are older than the run.
        """
        run = self._here() if self._runs else None
        if run is None or run.step is None:
            return scope
        return run.step if scope is None or scope is run.begun_in else scope

    def _here(self) -> Run | None:
        """Return the run whose code this is, as LangChain says."""
        config = var_child_runnable_config.get()
        return None if config is None else self._runs.get(getattr(config.get("callbacks"), "parent_run_id", None))

    def _inner_below(self, above: Run, scope: Scope | None) -> Scope | None:
        """Return what a run lies below that LangChain says begins below this one, in its code or wherever."""
        if above.step is None or scope is None or scope is above.begun_in:
            return above.step
        return scope if self._here() is above else inner_of(scope, above.step)

    def _end(self, run: Run, error: BaseException | None) -> None:
        if run.below is not None:
            self._stop_below(run.below)
            self._roots.pop(run.run_id, None)
        elif run.root is not None and run.root.below is not None:
            run.root.below.discard(run)
        run.end(error)
        self._runs.pop(run.run_id, None)
        if run.below:  # begun meanwhile, by another thread
            self._stop_below(run.below)

    def _stop_below(self, below: set[Run]) -> None:
        for left in sorted(below, key=_number, reverse=True):
            self.stop(left, "the end of its root")

    def _add(self, run: Run) -> None:
        self._runs[run.run_id] = run
        root = run.root
        if root is not None:
            if root.below is not None:
                root.below.add(run)
            if root.run_id not in self._runs:  # it has just ended in another thread, and looks below it no more
                self.stop(run, "the end of its root")
            return
        run.below = set()
        run.thread_id = get_ident()
        self._roots[run.run_id] = run
        if len(self._roots) > self._most_roots:
            for oldest in self.roots[: -self._most_roots]:
                self.stop(oldest, "too many open runs")


OPEN_RUNS = OpenRuns()
"""Those of the program: handlers are copied, and there may be several in one run."""

atexit.register(OPEN_RUNS.end_all)  # before the tracer's own hook, which is older: the latest come first
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=OPEN_RUNS.spare)


def inner_of(scope: Scope | None, step: Step) -> Scope:
    """Return the inner one of the scope that is set and the step of a run; of the two, the one that began later."""
    if isinstance(scope, Step):
        return step if scope.trace is step.trace and scope.began_seconds <= step.began_seconds else scope
    return step if scope is None or scope is step.trace else scope


def _number(run: Run) -> int:
    return 0 if run.step is None or run.step.number is None else run.step.number

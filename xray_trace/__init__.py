"""Record what goes into and comes out of each step of a program, and find every other run with the same fault."""

from xray_trace.context import carry
from xray_trace.current import annotate, artifact, current_step, current_trace, error
from xray_trace.decorators.step import step
from xray_trace.decorators.trace import trace
from xray_trace.default import configure, flush, shutdown, stats
from xray_trace.propagation import continue_trace, inject
from xray_trace.recorder.step import Step
from xray_trace.recorder.trace import Artifact, ArtifactReference, Trace
from xray_trace.stats import FlushResult, StatsSnapshot
from xray_trace.tracer import BaseTracer, NoopTracer, Tracer

__all__ = [
    "Artifact",
    "ArtifactReference",
    "BaseTracer",
    "FlushResult",
    "NoopTracer",
    "StatsSnapshot",
    "Step",
    "Trace",
    "Tracer",
    "annotate",
    "artifact",
    "carry",
    "configure",
    "continue_trace",
    "current_step",
    "current_trace",
    "error",
    "flush",
    "inject",
    "shutdown",
    "stats",
    "step",
    "trace",
]

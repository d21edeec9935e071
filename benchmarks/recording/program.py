"""Running a program of `programs/` in an interpreter of its own, with every tool pointed at the sink."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TypeVar

import msgspec

__all__ = ["run", "start", "variables"]

Answer = TypeVar("Answer")

QUEUE_SPANS = 50_000  # its default of 2,048 drops spans in a burst, and what is dropped costs less than what is sent
SPOOL_BYTES = 2_000_000_000  # the burst must fit; for all programs alike, so that none evicts while it is measured
OURS = ("XRAY_", "DD_", "OTEL_", "LANGFUSE_")


def variables(url: str, spool_dir: Path) -> dict[str, str]:
    """Return an environment in which every tool sends to this URL; what the shell says of them is left out."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {
        "XRAY_API_KEY": "benchmark",
        "XRAY_BASE_URL": url,
        "XRAY_SPOOL_DIR": str(spool_dir),
        "XRAY_MAX_SPOOL_BYTES": str(SPOOL_BYTES),
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_BSP_MAX_QUEUE_SIZE": str(QUEUE_SPANS),  # Langfuse's too
        "DD_TRACE_AGENT_URL": url,
        "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
        "DD_REMOTE_CONFIGURATION_ENABLED": "false",
        "LANGFUSE_BASE_URL": url,
        "LANGFUSE_PUBLIC_KEY": "pk-lf-benchmark",
        "LANGFUSE_SECRET_KEY": "sk-lf-benchmark",
    }


def start(name: str, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a program; what it prints is read by the caller."""
    command = [sys.executable, "-m", f"recording.programs.{name}", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(name: str, arguments: list[str], environment: dict[str, str], answer: type[Answer]) -> Answer:
    """Run a program to its end, and return what it printed."""
    process = start(name, arguments, environment)
    printed, complaints = process.communicate()
    if process.returncode:
        raise SystemExit(f"{name} {' '.join(arguments)} failed:\n{complaints.decode()[-4000:]}")
    return msgspec.json.decode(printed.splitlines()[-1], type=answer)

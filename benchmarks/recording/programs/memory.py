"""How much memory this process has (Linux)."""

from pathlib import Path

__all__ = ["peak_bytes", "reset_peak", "resident_bytes"]


def resident_bytes() -> int:
    """Return what is resident now."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """Return the most that was resident since `reset_peak`."""
    return _status("VmHWM")


def reset_peak() -> None:
    """Forget the peak."""
    Path("/proc/self/clear_refs").write_text("5")


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status tells no {field}")

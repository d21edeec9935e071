"""What becomes of an error in the middle of capturing."""

from xray_trace.guard import from_signal_handler

__all__ = ["pass_on_signal"]


def pass_on_signal(error: Exception) -> None:
    """Raise the error again if a signal handler of the user's raised it; else it may be swallowed."""
    if from_signal_handler(error):
        raise error

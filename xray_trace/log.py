"""Log lines, under the logger `xray_trace`. Only threads of ours may call it: writing to a log may block."""

__all__ = ["write_log"]


def write_log(line: str, *, is_warning: bool = True) -> None:
    """Write a warning, or else a debug line; nothing is printed where the program has set up no logging."""
    import logging  # not every program uses it, and importing the SDK must cost a program little

    logger = logging.getLogger("xray_trace")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.log(logging.WARNING if is_warning else logging.DEBUG, "%s", line)

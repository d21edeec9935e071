"""Whether the decorator gives back the function itself; the environment says that tracing is off.

python -m recording.programs.off_for_good
"""

import xray_trace


def function() -> None:
    """Do nothing."""


if __name__ == "__main__":
    print("true" if xray_trace.step(function) is function else "false")

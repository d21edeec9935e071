"""A program that records and ends; who started it sees how long its end takes.

python -m recording.programs.leaving TOOL CALLS
"""

import sys
import time

from recording.programs.work import WORKS
from recording.tools.tool import load_tool


def main(tool_name: str, calls: int) -> float:
    """Record, and return when the work was done, by the machine's monotonic clock."""
    tool = load_tool(tool_name)
    work = WORKS["small"]
    function = tool.record(work.function)
    with tool.trace():
        for arguments in work.arguments(calls):
            function(*arguments)
    return time.monotonic()


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])), flush=True)

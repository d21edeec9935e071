"""Programs that are run by themselves, as a user's would be."""

import subprocess
import sys

__all__ = ["printed"]

LONGEST_SECONDS = 100.0


def printed(program: str) -> str:
    """Run the program to its good end, and return what it printed."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout

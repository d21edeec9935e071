"""What the integrations cost: the overhead over the same program untraced, as a ratio against their peers' overhead.

    python benchmarks/integrations.py [nested] [celery] [--quick] [--rounds N]

Makes an environment of its own beside this file on its first run (two minutes), with the peers of
`integrations-requirements.txt` and xray-trace from this checkout, and measures in it. The row `celery` needs a Redis
server: `redis-server` on the PATH, else Debian's package is fetched.
"""

import os
import sys

from recording.environment import FOLDER, prepared_python

if __name__ == "__main__":
    python = prepared_python("integrations")
    environment = os.environ | {"PYTHONPATH": f"{FOLDER}{os.pathsep}{FOLDER.parent}"}
    os.execve(python, [str(python), "-m", "integrating", *sys.argv[1:]], environment)

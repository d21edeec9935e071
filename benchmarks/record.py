"""What recording costs, and whether anything is lost: the bars of the SDK, as ratios against its peers.

    python benchmarks/record.py [ROW …] [--quick] [--rounds N]

Makes an environment of its own beside this file on its first run (a minute), with the peers of
`record-requirements.txt` and xray-trace from this checkout, and measures in it. `--help` lists the rows.
"""

import os
import sys

from recording.environment import FOLDER, prepared_python

if __name__ == "__main__":
    python = prepared_python("record")
    environment = os.environ | {"PYTHONPATH": str(FOLDER)}
    os.execve(python, [str(python), "-m", "recording", *sys.argv[1:]], environment)

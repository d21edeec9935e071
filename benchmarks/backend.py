"""What the server does on Kafka and MongoDB: the figures of docs/scaling.md, beside a peer in the same run.

    python benchmarks/backend.py [ingest] [consume] [visible] [query] [--steps 100000] [--backlog 200000]

Everything runs on this machine: Apache Kafka, a MongoDB stand-in for load, two API processes, consumers. `make
live-servers` fetches what is needed. The peers are confluent-kafka and PyMongo, asked directly.
"""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent

if __name__ == "__main__":
    paths = os.pathsep.join([str(FOLDER), str(FOLDER.parent)])  # the servers' recipes lie among the tests
    os.execve(sys.executable, [sys.executable, "-m", "cluster", *sys.argv[1:]], os.environ | {"PYTHONPATH": paths})

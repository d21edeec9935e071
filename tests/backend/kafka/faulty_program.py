"""`xray-backend` with a fault: killed between store and commit, or with a bug in what sorts events."""

import os
import signal
import sys
from typing import Any

from xray_backend.cli import main
from xray_backend.ingest.processor import Processor
from xray_backend.kafka.committing import Commits


def killed(*arguments: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def broken(*arguments: Any) -> None:
    raise ZeroDivisionError


FAULTS: dict[str, tuple[type, str, Any]] = {
    "killed before the commit": (Commits, "commit", killed),
    "a bug": (Processor, "to_batch", broken),
}

if __name__ == "__main__":
    owner, name, fault = FAULTS[sys.argv[1]]
    setattr(owner, name, fault)
    sys.exit(main(sys.argv[2:]))

"""The files that a deployment is made of, read."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
EXAMPLE = dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
"""The services that run `xray-backend`."""

LAST_STAGE = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def filled_in(text: str) -> str:
    """Put the example's values in the place of variables, as compose does."""
    return re.sub(r"\$\{([A-Z_0-9]+)(?::[-?][^}]*)?\}", lambda found: EXAMPLE[found[1]], text)

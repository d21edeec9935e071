"""`Dockerfile` and `.dockerignore`, as far as they can be held to something without an engine."""

import fnmatch
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.deployment.files import DOCKERFILE, LAST_STAGE, ROOT
from xray_backend.config import load_config

BUILDERS = ("apt-get", "pip install", "gcc", "make ", "curl", "wget", "git ")


def instruction(name: str) -> str:
    """Return what the last stage says last under this name."""
    return re.findall(rf"^{name} (.+)$", LAST_STAGE, re.MULTILINE)[-1]


def test_the_linter_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint is not None
    linted = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout


def test_there_are_two_stages_and_nothing_builds_in_the_last() -> None:
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE)) == 2
    assert [tool for tool in BUILDERS if tool in LAST_STAGE] == []


def test_it_does_not_run_as_root() -> None:
    assert int(instruction("USER")) > 0


def test_a_signal_reaches_the_server_itself() -> None:
    assert json.loads(instruction("ENTRYPOINT")) == ["xray-backend"]
    assert json.loads(instruction("CMD")) == ["serve"]
    assert instruction("STOPSIGNAL") == "SIGTERM"


def test_the_settings_of_the_image_are_some_that_the_server_takes() -> None:
    variables = dict(re.findall(r"(XRAY_[A-Z_]+)=(\S+)", LAST_STAGE))
    config = load_config({}, variables)
    assert (config.host, config.port, str(config.data_dir)) == ("0.0.0.0", 3000, "/data")
    assert instruction("EXPOSE") == str(config.port)


def test_all_that_is_copied_is_let_through_and_is_there() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    assert "*" in ignore
    assert sorted(copied) == sorted(allowed)
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_no_secret_and_no_data_is_let_through() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in (".env", ".git", ".venv", ".servers", "tests"):
        assert [pattern for pattern in allowed if fnmatch.fnmatch(name, pattern)] == []


def test_the_image_asks_a_running_server_whether_it_is_alive() -> None:
    (command,) = re.findall(r"HEALTHCHECK [^\[]*(\[.*\])", LAST_STAGE.replace("\\\n", ""))
    program = json.loads(command)
    assert program[:2] == ["python", "-c"]
    assert "/health" in program[2]
    compile(program[2], "healthcheck", "exec")

"""The environment that all tools are measured in: one interpreter, the peers, and xray-trace from this checkout."""

import hashlib
import subprocess
import sys
from pathlib import Path

__all__ = ["FOLDER", "prepared_python"]

FOLDER = Path(__file__).parent.parent
ROOT = FOLDER.parent
CONSTRAINTS = ROOT / "constraints.txt"  # xray-trace is measured with what is recommended


def prepared_python(name: str) -> Path:
    """Return the interpreter of the environment of this name; what it holds is installed first, where that changed."""
    venv, requirements = FOLDER / f".{name}-venv", FOLDER / f"{name}-requirements.txt"
    python = venv / "bin" / "python"
    stamp = venv / ".installed"
    wanted = _wanted(requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing the peers into {venv} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "-c", str(CONSTRAINTS), "-r", str(requirements), "-e", str(ROOT)], check=True)
        stamp.write_text(wanted)
    return python


def _wanted(requirements: Path) -> str:
    """Return what tells this environment from another: the interpreter, and all that says what is installed."""
    parts = [sys.version.encode()]
    parts += [path.read_bytes() for path in (requirements, CONSTRAINTS, ROOT / "pyproject.toml")]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()

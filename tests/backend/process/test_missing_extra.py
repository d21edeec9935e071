"""The bare install has the command too, and says what it lacks."""

import subprocess
import sys
from pathlib import Path


def test_without_the_extra_the_command_names_it_in_one_sentence() -> None:
    program = "import sys; sys.modules['flask'] = None; from xray_backend.start import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "up"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "pip install 'xray-trace[backend]'" in done.stderr


def test_without_what_s3_needs_a_server_that_is_to_use_it_says_so_in_one_sentence(tmp_path: Path) -> None:
    program = "import sys; sys.modules['boto3'] = None; from xray_backend.start import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "up", "--port", "0", "--data-dir", str(tmp_path)],
        env={"XRAY_BLOBS_URL": "s3://bucket/prefix"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "XRAY_BLOBS_URL needs the package boto3" in done.stderr
    assert "pip install 'xray-trace[backend,cluster]'" in done.stderr
    assert "Traceback" not in done.stderr

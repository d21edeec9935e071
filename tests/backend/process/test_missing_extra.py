"""The bare install has the command too, and says what it lacks."""

import subprocess
import sys


def test_without_the_extra_the_command_names_it_in_one_sentence() -> None:
    program = "import sys; sys.modules['flask'] = None; from xray_backend.start import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "up"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "pip install 'xray-trace[backend]'" in done.stderr

"""Where the `xray-backend` command begins: says which extra is missing before anything of it is imported."""

import importlib
import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line; status 2 where the server's packages are not installed."""
    try:
        commands = importlib.import_module("xray_backend.cli")
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "xray_backend":
            raise
        print(
            f"xray-backend: the package {missing.name} is missing. The server is an extra of xray-trace; install it "
            "with: pip install 'xray-trace[backend]'",
            file=sys.stderr,
        )
        return 2
    return int(commands.main())

"""Records steps for ever, and says on its output which ones have returned; made to be killed."""

import os
import sys

import xray_trace as xray


@xray.step(metadata=lambda bound, result: {"run": bound["run"], "index": bound["index"]})
def work(run: str, index: int, payload: str) -> dict[str, int]:
    return {"index": index}


def main(run: str, large_every: int) -> None:
    with xray.trace(run):
        index = 0
        while True:
            work(run, index, "x" * (40_000 if large_every and index % large_every == 0 else 100))
            os.write(1, f"{index}\n".encode())
            index += 1


main(sys.argv[1], int(sys.argv[2]))

"""Records in a process and in its forked children, which end in the given way."""

import multiprocessing
import os
import sys

import xray_trace as xray


@xray.step(metadata=lambda bound, result: {"run": "forked", "index": bound["index"]})
def work(index: int) -> int:
    return index


def child(number: int, ending: str) -> None:
    for i in range(60):
        work(1000 * number + i)
    if ending == "exit":
        os._exit(0)


def main(method: str, ending: str) -> None:
    context = multiprocessing.get_context(method)
    with xray.trace("forked"):
        for i in range(150):
            work(i)
        children = [context.Process(target=child, args=(n, ending)) for n in range(1, 4)]
        for process in children:
            process.start()
        for i in range(150, 200):
            work(i)
        for process in children:
            process.join()
    print(*(process.exitcode for process in children))


if __name__ == "__main__":
    main(*sys.argv[1:])

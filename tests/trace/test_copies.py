"""Decorated callables pickle and copy as undecorated ones do, and still record afterwards."""

import copy
import functools
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import xray_trace as xray
from xray_trace.default import install
from xray_trace.testing import MemoryTracer

pytestmark = pytest.mark.usefixtures("recorder")


@xray.step
def double(x: int) -> int:
    return 2 * x


class Shop:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    @xray.step
    def price(self, x: int) -> int:
        return self.factor * x

    @xray.step
    @staticmethod
    def tax(x: int) -> int:
        return x // 5

    @xray.step
    @classmethod
    def name(cls) -> str:
        return cls.__name__


def recorded_in_child(x: int) -> tuple[int, list[Any]]:
    """Run a decorated function in another process, and tell what was recorded there."""
    tracer = MemoryTracer()
    install(tracer)
    return double(x), [(step.name, step.inputs, step.output) for step in tracer.steps]


def test_a_decorated_function_pickles_as_itself() -> None:
    assert pickle.loads(pickle.dumps(double)) is double
    assert cloudpickle.loads(cloudpickle.dumps(double))(4) == 8


def test_bound_methods_of_every_kind_pickle_and_call_the_same() -> None:
    shop = Shop(3)
    for dumps in (pickle.dumps, cloudpickle.dumps):
        assert pickle.loads(dumps(shop.price))(5) == 15
        assert pickle.loads(dumps(shop.tax))(10) == 2
        assert pickle.loads(dumps(Shop.name))() == "Shop"


def test_copies_of_functions_are_the_function_and_copies_of_objects_are_apart() -> None:
    assert copy.deepcopy(double) is double
    assert copy.copy(double) is double
    shop = Shop(3)
    method = copy.deepcopy(shop.price)
    shop.factor = 100
    assert method(5) == 15
    partial = xray.step(functools.partial(pow, 2))
    assert copy.deepcopy({"f": partial})["f"](5) == 32


def test_a_function_that_cannot_be_imported_goes_through_cloudpickle_and_still_records(recorder: MemoryTracer) -> None:
    offset = 7

    @xray.step("local", metadata={"kind": "closure"})
    def local(x: int) -> int:
        return x + offset

    again = cloudpickle.loads(cloudpickle.dumps(local))
    assert again(1) == 8
    assert [(s.name, s.inputs, s.output, s.metadata) for s in recorder.steps] == [
        ("local", {"x": 1}, 8, {"kind": "closure"})
    ]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_pool_runs_a_decorated_function_and_it_records_there() -> None:
    with ProcessPoolExecutor(1) as pool:
        assert pool.submit(double, 21).result() == 42
        assert pool.submit(recorded_in_child, 4).result() == (8, [("double", {"x": 4}, 8)])


def test_a_function_of_the_main_program_reaches_the_children_of_a_pool(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, pickle, cloudpickle\n"
        "import xray_trace as xray\n"
        "@xray.step\n"
        "def triple(x):\n"
        "    return 3 * x\n"
        "if __name__ == '__main__':\n"
        "    assert pickle.loads(pickle.dumps(triple)) is triple\n"
        "    print(b'__main__' in pickle.dumps(triple), len(cloudpickle.dumps(triple)) > 200)\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(triple, [1, 2]))\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("True True\n[3, 6]\n", "")

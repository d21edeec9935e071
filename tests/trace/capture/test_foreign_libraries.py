"""Arrays, frames and images are kept in their own formats; their libraries are never imported for it."""

import io
import subprocess
import sys
from typing import Any

import msgspec
import numpy
import pandas
import polars
import pytest
from PIL import Image

from xray_trace.capture.capturer import Capturer
from xray_trace.config import DEFAULT_REDACTED_NAMES

CAPTURER = Capturer(DEFAULT_REDACTED_NAMES)
SECRET = "S3CR3T-hunter2"
PARQUET = "application/vnd.apache.parquet"


def taken(value: object, name: str = "value") -> tuple[str, bytes, dict[str, Any]]:
    captured = CAPTURER.capture(name, value, always=True)
    assert captured.body is not None
    assert SECRET.encode() not in captured.body + captured.summary
    return captured.content_type, captured.body, msgspec.json.decode(captured.summary)


@pytest.mark.parametrize(
    "array",
    [
        numpy.arange(6).reshape(2, 3),
        numpy.array(["a", "b"]),
        numpy.zeros(()),
        numpy.zeros((0, 2)),
        numpy.ma.masked_array([1, 2]),
    ],
)
def test_an_array_is_kept_as_npy(array: Any) -> None:
    content_type, body, summary = taken(array)
    assert content_type == "application/x-npy"
    back = numpy.load(io.BytesIO(body), allow_pickle=False)
    assert (back == numpy.asarray(array)).all()
    assert summary["shape"] == list(array.shape)
    assert summary["dtype"] == str(array.dtype)
    assert summary.get("length") == (array.shape[0] if array.ndim else None)
    assert summary["bytes"] == len(body)


def test_an_array_of_objects_is_never_pickled() -> None:
    content_type, body, _ = taken(numpy.array([{"password": SECRET}, None, 3], dtype=object))
    assert content_type == "application/json"
    assert msgspec.json.decode(body) == [{"password": "[redacted]"}, None, 3]


def test_a_structured_arrays_secret_field_is_masked_in_the_copy_alone() -> None:
    array = numpy.array([(1, SECRET)], dtype=[("id", "i4"), ("password", "U20")])
    _, body, _ = taken(array)
    assert numpy.load(io.BytesIO(body))["password"][0] == "[redacted]"
    assert array["password"][0] == SECRET
    taken(numpy.array([SECRET]), "token")


def test_numbers_and_small_arrays_inside_of_others_are_readable() -> None:
    _, body, _ = taken({"n": numpy.int64(3), "f": numpy.float32(0.5), "v": numpy.arange(3), "big": numpy.zeros(5000)})
    back = msgspec.json.decode(body)
    assert back == {
        "n": 3,
        "f": 0.5,
        "v": [0, 1, 2],
        "big": {"type": "numpy.ndarray", "shape": [5000], "dtype": "float64"},
    }


def test_a_number_of_numpys_is_a_scalar() -> None:
    assert taken(numpy.int64(4))[2] == {"type": "numpy.int64", "bytes": 1, "value": 4}


def frame_data() -> dict[str, list[Any]]:
    return {
        "id": [1, 2],
        "name": ["a", None],
        "userPassword": [SECRET, None],
        "meta": [{"token": SECRET}, {"token": "x"}],
    }


def test_a_pandas_frame_is_kept_as_parquet() -> None:
    frame = pandas.DataFrame(frame_data(), index=["r1", "r2"])
    frame.attrs["password"] = SECRET
    content_type, body, summary = taken(frame)
    assert content_type == PARQUET
    back = pandas.read_parquet(io.BytesIO(body))
    assert back["id"].tolist() == [1, 2]
    assert back["userPassword"].iloc[0] == "[redacted]"
    assert back["meta"].tolist()[0] == '{"token":"[redacted]"}'
    assert back.index.tolist() == ["r1", "r2"]
    assert summary == {
        "type": f"{pandas.DataFrame.__module__}.DataFrame", "bytes": len(body), "length": 2, "shape": [2, 4],
        "columns": ["id", "name", "userPassword", "meta"],
    }  # fmt: skip
    assert frame["userPassword"].iloc[0] == SECRET
    assert frame.attrs["password"] == SECRET


@pytest.mark.parametrize(
    "frame",
    [
        pandas.DataFrame(),
        pandas.DataFrame({1: [1], "1": [2]}),
        pandas.DataFrame([[1, 2]], columns=["same", "same"]),
        pandas.DataFrame([[1, 2]], columns=pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
        pandas.DataFrame({"mixed": [1, "x", None, {"a": 1}, b"raw"]}),
        pandas.DataFrame({"objects": [object(), 1j]}),
        pandas.DataFrame({"when": pandas.to_datetime(["2026-01-01"]), "kind": pandas.Categorical(["a"])}),
        pandas.Series([1, 2], name="n"),
        pandas.DataFrame({"v": [1]}, index=pandas.Index([SECRET], name="token")),
    ],
)
def test_odd_pandas_frames_are_parquet_too(frame: Any) -> None:
    content_type, body, summary = taken(frame)
    assert content_type == PARQUET
    assert len(pandas.read_parquet(io.BytesIO(body))) == len(frame) == summary["length"]


def test_a_wide_frames_summary_stays_small() -> None:
    wide = pandas.DataFrame([[0] * 5_000])
    _, _, summary = taken(wide)
    assert summary["shape"] == [1, 5_000]
    assert len(summary["columns"]) == 200


def test_a_cell_is_never_asked_whether_it_equals_anything() -> None:
    class Cell:
        def __eq__(self, other: object) -> bool:
            raise AssertionError("asked")

        __ne__ = __hash__ = __repr__ = __eq__  # type: ignore[assignment]

    class OwnFrame(pandas.DataFrame):
        def copy(self, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError("asked")

    cell = Cell()
    assert taken(pandas.DataFrame({"c": [cell, None]}))[0] == PARQUET
    assert taken(OwnFrame({"n": [1]}))[0] == PARQUET
    assert taken(polars.DataFrame({"c": [cell]}, schema={"c": polars.Object}))[0] == PARQUET


def test_a_polars_frame_is_kept_as_parquet() -> None:
    frame = polars.DataFrame(frame_data())
    content_type, body, summary = taken(frame)
    assert content_type == PARQUET
    back = polars.read_parquet(io.BytesIO(body))
    assert back["id"].to_list() == [1, 2]
    assert back["userPassword"].to_list() == ["[redacted]", None]
    assert back["meta"].to_list()[0] == '{"token":"[redacted]"}'
    assert (summary["length"], summary["columns"]) == (2, frame.columns)
    assert frame["userPassword"][0] == SECRET
    assert taken(polars.Series("n", [1, 2]))[0] == PARQUET


def test_a_lazy_frame_is_described_and_not_collected() -> None:
    def explode(frame: Any) -> Any:
        raise AssertionError("collected")

    content_type, _, _ = taken(polars.LazyFrame({"a": [1]}).map_batches(explode))
    assert content_type == "application/json"


@pytest.mark.parametrize("frame", [pandas.DataFrame(frame_data()), polars.DataFrame(frame_data())])
def test_a_frame_under_a_secret_name_keeps_its_numbers_alone(frame: Any) -> None:
    _, body, _ = taken(frame, "credentials")
    back = polars.read_parquet(io.BytesIO(body))
    assert back["id"].to_list() == [1, 2]
    assert set(back["name"].to_list()) <= {"[redacted]", None}


def test_a_frame_inside_another_value_is_told_by_shape_and_columns() -> None:
    _, body, _ = taken({"frame": polars.DataFrame(frame_data())})
    assert msgspec.json.decode(body)["frame"]["shape"] == [2, 4]


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "CMYK", "F"])
def test_an_image_is_kept_as_png_with_its_shape(mode: str) -> None:
    image = Image.new(mode, (3, 4))
    content_type, body, summary = taken(image)
    assert summary["shape"] == [4, 3]
    if mode == "F":  # PNG has no such mode
        assert content_type == "application/json"
    else:
        assert content_type == "image/png"
        assert Image.open(io.BytesIO(body)).size == (3, 4)


def test_an_image_that_is_still_in_its_file_is_not_read() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 4)).save(buffer, format="PNG")
    buffer.seek(0)
    image = Image.open(buffer)
    position = buffer.tell()
    content_type, _, summary = taken(image)
    assert content_type == "application/json"
    assert summary["shape"] == [4, 3]
    assert buffer.tell() == position
    image.load()


def test_capturing_imports_none_of_these_libraries() -> None:
    code = (
        "import sys\n"
        "from xray_trace.capture.capturer import Capturer\n"
        "c = Capturer(('token',))\n"
        "for value in ([1], object(), 1j, 'x', {'token': 'x'}): c.capture('v', value)\n"
        "names = {'numpy', 'pandas', 'polars', 'PIL', 'pyarrow', 'cloudpickle', 'pydantic', 'attr'}\n"
        "found = names & set(sys.modules)\n"
        "sys.exit(str(found) if found else 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_pyarrow_a_pandas_frame_is_kept_as_masked_records() -> None:
    code = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "import pandas\n"
        "from xray_trace.capture.capturer import Capturer\n"
        "frame = pandas.DataFrame({'id': range(3000), 'token': ['x'] * 3000, 'o': [{'token': 'x'}] * 3000})\n"
        "taken = Capturer(('token',)).capture('v', frame)\n"
        "sys.stdout.buffer.write(taken.content_type.encode() + b'\\n' + taken.summary + b'\\n' + taken.body)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, stdout=subprocess.PIPE)
    content_type, summary, body = done.stdout.split(b"\n", 2)
    assert content_type == b"application/json"
    assert msgspec.json.decode(body)[2] == {"id": 2, "token": "[redacted]", "o": '{"token":"[redacted]"}'}
    told = msgspec.json.decode(summary)
    assert told["length"] == 3000
    assert "first 1000 rows" in told["note"]

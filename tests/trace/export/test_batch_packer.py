"""A packing that fails costs nothing: what its journal names stays until the journal has been packed."""

from pathlib import Path

import msgspec
import pytest

from tests.trace.export.bench import part, step
from xray_trace.errors import SpoolError
from xray_trace.events import Part, encode_record
from xray_trace.export.batch_packer import BatchPacker
from xray_trace.export.blob_header import reserved_header
from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.spool_name import JOURNAL, STAGED


class FailingOnce(DiskStorage):
    """A disk that refuses one write."""

    fails = False

    def write(self, name: str, *chunks: bytes) -> None:
        if self.fails:
            self.fails = False
            raise SpoolError("the disk refuses")
        super().write(name, *chunks)


def staged(storage: DiskStorage, body: bytes) -> Part:
    name = storage.new_name(STAGED)
    storage.write(name, reserved_header("trace", "large", "text/plain", b"{}"), body)
    return Part("large", "input", "text/plain", None, b'{"type":"str"}', blob=name)


def test_the_files_of_a_journal_that_could_not_be_packed_outlive_the_packing_of_the_next(tmp_path: Path) -> None:
    storage = FailingOnce(tmp_path / "spool", "0" * 16, 10_000_000)
    packer = BatchPacker(storage, lambda: False, 16_384)
    large = staged(storage, b"x" * 50_000)
    first = [encode_record(step("s1", large)), encode_record(step("s2", part(b"y" * 30_000)))]
    name, other = storage.new_name(JOURNAL), storage.new_name(JOURNAL)
    storage.fails = True
    with pytest.raises(SpoolError):
        packer.pack(name, first)
    assert large.blob not in packer.pack(other, [encode_record(step("s3"))]).staged
    packed = packer.pack(name, first)
    assert large.blob in packed.staged
    assert packed.lost_values == packed.damaged == packed.unkept == 0
    assert b"".join(storage.read(item.name) for item in packed.items).count(b'"artifacts":[{') == 2


def test_a_record_with_a_summary_that_nobody_knows_costs_itself_and_none_of_its_values_in_the_next(
    tmp_path: Path,
) -> None:
    storage = DiskStorage(tmp_path / "spool", "0" * 16, 10_000_000)
    packer = BatchPacker(storage, lambda: False, 16_384)
    shared, unknown_shape = part(b"shared"), 7
    odd = step("odd", shared, Part("value", "input", "application/json", b"1", unknown_shape))
    packed = packer.pack(storage.new_name(JOURNAL), [encode_record(odd), encode_record(step("next", shared))])
    assert packed.damaged == 1
    (batch,) = packed.items
    assert [event["type"] for event in msgspec.json.decode(storage.read(batch.name))["events"]] == ["data", "step"]

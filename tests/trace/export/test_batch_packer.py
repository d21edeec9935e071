"""A packing that fails costs nothing: what its journal names stays until the journal has been packed."""

from pathlib import Path

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

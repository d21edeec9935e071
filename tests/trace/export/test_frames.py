from hypothesis import given
from hypothesis import strategies as st

from xray_trace.export.frames import to_frame, unframe

payloads = st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=12)


def journal_of(records: list[bytes]) -> tuple[bytes, list[tuple[int, int]]]:
    journal, places = b"", []
    for record in records:
        frame = to_frame(record)
        places.append((len(journal), len(journal) + len(frame)))
        journal += frame
    return journal, places


@given(payloads, st.integers(0, 200))
def test_what_was_framed_comes_back_in_order(records, room):
    journal, _ = journal_of(records)
    assert list(unframe(journal + bytes(room), damaged=False)) == records
    assert list(unframe(journal + bytes(room), damaged=True)) == records


@given(payloads, st.data())
def test_whatever_is_overwritten_every_untouched_record_survives(records, data):
    journal, places = journal_of(records)
    start = data.draw(st.integers(0, len(journal) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=80))[: len(journal) - start]
    torn = journal[:start] + noise + journal[start + len(noise) :] + bytes(64)
    touched = [torn[begin:end] != journal[begin:end] for begin, end in places]
    untouched = [record for record, hit in zip(records, touched, strict=True) if not hit]
    found = list(unframe(torn, damaged=True))
    read = [payload for payload in found if payload is not None]
    if torn == journal + bytes(64):
        assert read == records
    else:
        assert read == untouched
        zeroed = not any(noise)
        assert None in found or zeroed


@given(payloads, st.data())
def test_wherever_the_file_ends_every_whole_record_before_survives(records, data):
    journal, places = journal_of(records)
    end = data.draw(st.integers(0, len(journal)))
    whole = [record for record, (_, place) in zip(records, places, strict=True) if place <= end]
    found = list(unframe(journal[:end], damaged=True))
    assert [payload for payload in found if payload is not None] == whole

"""Reading a trace, its steps and its data records back."""

from collections.abc import Sequence
from typing import Final

from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument

from xray_backend.query.cursor import StepPosition
from xray_backend.store.mongodb.answers import DATA_FIELDS, TRACE_FIELDS, answer, data_record, trace_answer
from xray_backend.store.mongodb.compile import Filter
from xray_backend.store.mongodb.documents import Data, Step, Trace
from xray_backend.store.mongodb.finding import PAGE_BYTES, Asked, Finding
from xray_backend.store.mongodb.stored import data_object_id, trace_object_id
from xray_backend.store.records import DataPage, DataRecord, Json, StepPage

__all__ = ["Reading"]

_STEP_ORDER: Final = [("stepNumber", 1), ("timestamp", 1), ("stepId", 1)]
_ANY_NUMBER: Final = {"$gte": -(2**63)}

_DATA_AT_ONCE: Final = 20
"""Records with 250 KiB of metadata each are 5 MB, and of the usual size two round trips are a page."""


class Reading:
    """The part of the reading half that knows what it looks for."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    def trace(self, project_id: str, trace_id: str) -> Json | None:
        """Find one trace."""
        found = self._finding.first(project_id, Trace, {"_id": trace_object_id(project_id, trace_id)}, TRACE_FIELDS)
        return None if found is None else trace_answer(found)

    def steps_of(self, project_id: str, trace_id: str, *, limit: int, after: StepPosition | None) -> StepPage:
        """List a part of a trace's steps: those with a number and then those without, each in the order of an index."""
        asked: list[Asked] = []
        for test in _steps_after(after):
            filter = self._finding.filter_of(project_id, {"traceId": trace_id}, test)
            if filter is not None:
                asked.append((filter, _STEP_ORDER))
        found, more = self._finding.page(Step, asked, limit)
        positions = [_position(step) for step in found]
        return StepPage([answer(step) for step in found], positions, positions[-1] if more else None)

    def data_of(self, project_id: str, trace_id: str, data_ids: Sequence[str]) -> DataPage:
        """List the records of the first of these data ids."""
        documents: list[Json] = []
        size_bytes = 0
        for start in range(0, len(data_ids), _DATA_AT_ONCE):
            some = data_ids[start : start + _DATA_AT_ONCE]
            found = self._data(project_id, trace_id, some)
            for place, data_id in enumerate(some, start):
                if size_bytes > PAGE_BYTES:
                    return DataPage(documents, place)
                if data_id in found:
                    documents.append(answer(found[data_id]))
                    size_bytes += len(documents[-1])
        return DataPage(documents, len(data_ids))

    def data(self, project_id: str, trace_id: str, data_id: str) -> DataRecord | None:
        """Find one data record with its content."""
        asked = {"_id": data_object_id(project_id, data_id), "traceId": trace_id}
        found = self._finding.first(project_id, Data, asked)
        return None if found is None else data_record(found)

    def _data(self, project_id: str, trace_id: str, data_ids: Sequence[str]) -> dict[str, RawBSONDocument]:
        keys = [data_object_id(project_id, data_id) for data_id in data_ids]
        filter = self._finding.filter_of(project_id, {"_id": {"$in": keys}, "traceId": trace_id})
        found = [] if filter is None else self._finding.all(Data, filter, DATA_FIELDS)
        return {each["dataId"]: each for each in found}


def _steps_after(after: StepPosition | None) -> list[Filter]:
    """Return the filters of the steps that come after a place, those with a number first."""
    if after is None:
        return [{"stepNumber": _ANY_NUMBER}, {"stepNumber": None}]
    same_number = {"stepNumber": after.step_number}
    same_time = {**same_number, "timestamp": DatetimeMS(after.time_ms)}
    tests: list[Filter] = [
        {**same_time, "stepId": {"$gt": after.step_id}},
        {**same_number, "timestamp": {"$gt": DatetimeMS(after.time_ms)}},
    ]
    if after.step_number is None:
        return [{**same_number, "$or": tests}]
    tests.append({"stepNumber": {"$gt": after.step_number}})
    return [{"stepNumber": {"$gte": after.step_number}, "$or": tests}, {"stepNumber": None}]


def _position(step: RawBSONDocument) -> StepPosition:
    return StepPosition(step.get("stepNumber"), int(step["timestamp"]), step["stepId"])

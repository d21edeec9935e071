"""The collections of what is recorded."""

from mongoengine import DateTimeField, Document, StringField

__all__ = ["Data", "MetadataSchema", "Step", "Trace"]


class Trace(Document):
    """A trace."""

    project_id = StringField(db_field="projectId")
    trace_id = StringField(db_field="traceId")
    meta = {"collection": "traces"}  # noqa: RUF012


class Step(Document):
    """A step."""

    project_id = StringField(db_field="projectId")
    step_id = StringField(db_field="stepId")
    trace_id = StringField(db_field="traceId")
    meta = {"collection": "steps"}  # noqa: RUF012


class Data(Document):
    """A data record."""

    project_id = StringField(db_field="projectId")
    data_id = StringField(db_field="dataId")
    trace_id = StringField(db_field="traceId")
    stored_at = DateTimeField(db_field="storedAt")
    meta = {"collection": "data"}  # noqa: RUF012


class MetadataSchema(Document):
    """A shape."""

    project_id = StringField(db_field="projectId")
    meta = {"collection": "metadataSchemas"}  # noqa: RUF012

"""The collections of what is recorded: their fields and indexes.

A step is stored as it is answered, key for key, with dates as dates; what stands in metadata is any JSON. The hot paths
write to these collections past mongoengine's own validation, which refuses keys that people do send.
"""

from typing import ClassVar

from mongoengine import (
    BinaryField,
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    DynamicField,
    FloatField,
    IntField,
    ListField,
    LongField,
    ObjectIdField,
    StringField,
)

__all__ = ["RECORDED_DOCUMENTS", "Data", "MergedSchemas", "MetadataSchema", "Step", "Trace"]


class Trace(Document):
    """A trace. Its `_id` is made of project and trace id, so that each is there once."""

    object_id = ObjectIdField(primary_key=True)
    trace_id = StringField(db_field="traceId")
    project_id = StringField(db_field="projectId")
    name = StringField()
    metadata = DictField()
    status = StringField()
    success_metadata = DictField(db_field="successMetadata")
    failure_metadata = DictField(db_field="failureMetadata")
    created_at = DateTimeField(db_field="createdAt")
    ended_at = DateTimeField(db_field="endedAt")
    version = IntField(db_field="__v")
    state = BinaryField()
    """What `store.trace_state` remembers of the events; the fields above are made of it."""
    revision = ObjectIdField()
    """Another with each change: a write holds only for the revision that was read."""
    meta: ClassVar = {
        "collection": "traces",
        "indexes": [
            {"fields": ["project_id", "created_at", "object_id"], "name": "newest"},
            {"fields": ["project_id", "status", "created_at", "object_id"], "name": "by_status"},
        ],
        "wildcards": ["metadata", "successMetadata", "failureMetadata"],
    }


class Step(Document):
    """A step. Its `_id` is made of project and step id, so that each is there once."""

    object_id = ObjectIdField(primary_key=True)
    step_id = StringField(db_field="stepId")
    trace_id = StringField(db_field="traceId")
    project_id = StringField(db_field="projectId")
    type = StringField()
    step_name = StringField(db_field="stepName")
    step_number = LongField(db_field="stepNumber")
    artifacts = ListField(DictField())
    metadata = DictField()
    parent_step_id = StringField(db_field="parentStepId")
    duration_ms = FloatField(db_field="durationMs")
    inputs = DynamicField()
    output = DynamicField()
    pending = BooleanField()
    timestamp = DateTimeField()
    version = IntField(db_field="__v")
    meta: ClassVar = {
        "collection": "steps",
        "indexes": [
            {"fields": ["project_id", "timestamp", "object_id"], "name": "newest"},
            {"fields": ["project_id", "trace_id", "step_number", "timestamp", "step_id"], "name": "by_trace"},
            {"fields": ["project_id", "step_name", "timestamp", "object_id"], "name": "by_name"},
            {
                "fields": ["project_id", "pending", "timestamp", "object_id"],
                "name": "running",
                "partialFilterExpression": {"pending": True},
            },
        ],
        "wildcards": ["metadata", "inputs", "output"],
    }


class Data(Document):
    """The record of a captured value, with its bytes where they were sent inline."""

    object_id = ObjectIdField(primary_key=True)
    data_id = StringField(db_field="dataId")
    trace_id = StringField(db_field="traceId")
    project_id = StringField(db_field="projectId")
    key = StringField()
    metadata = DictField()
    data_path = StringField(db_field="dataPath")
    content_type = StringField(db_field="contentType")
    size_bytes = LongField(db_field="sizeBytes")
    sha256 = StringField()
    version = IntField(db_field="__v")
    content = BinaryField()
    stored_at = DateTimeField(db_field="storedAt")
    meta: ClassVar = {
        "collection": "data",
        "indexes": [{"fields": ["project_id", "trace_id", "stored_at"], "name": "by_trace"}],
    }


class MetadataSchema(Document):
    """One shape of the metadata of one step name."""

    object_id = ObjectIdField(primary_key=True)
    project_id = StringField(db_field="projectId")
    step_name = StringField(db_field="stepName")
    schema_hash = StringField(db_field="schemaHash")
    schema_shape = StringField(db_field="schemaShape")
    last_seen_at = DateTimeField(db_field="lastSeenAt")
    meta: ClassVar = {
        "collection": "metadataSchemas",
        "indexes": [{"fields": ["project_id", "step_name", "schema_hash"], "name": "by_name"}],
    }


class MergedSchemas(Document):
    """All shapes of one step name, merged, and how many they are."""

    object_id = ObjectIdField(primary_key=True)
    project_id = StringField(db_field="projectId")
    step_name = StringField(db_field="stepName")
    shapes = IntField()
    shape = StringField()
    keys = ListField(ObjectIdField())
    """The `_id`s of the shapes."""
    revision = ObjectIdField()
    meta: ClassVar = {
        "collection": "mergedSchemas",
        "indexes": [{"fields": ["project_id", "step_name"], "name": "by_name"}],
    }


RECORDED_DOCUMENTS = (Trace, Step, Data, MetadataSchema, MergedSchemas)

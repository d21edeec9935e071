"""The collections of accounts, and of what is to be forgotten: their fields and indexes."""

from typing import ClassVar, Final

from mongoengine import (
    BooleanField,
    DateTimeField,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentListField,
    IntField,
    StringField,
)

__all__ = [
    "ACCOUNT_DOCUMENTS",
    "ApiKeyDocument",
    "AttemptsDocument",
    "DeletedProjectDocument",
    "DeletedTraceDocument",
    "MembersDocument",
    "ProjectDocument",
    "UserDocument",
]


class UserDocument(Document):
    """An account."""

    user_id = StringField(primary_key=True)
    email = StringField()
    name = StringField()
    password_hash = StringField(db_field="passwordHash")
    created_at = DateTimeField(db_field="createdAt")
    meta: ClassVar = {
        "collection": "users",
        "indexes": [{"fields": ["email"], "unique": True}],
    }


class ProjectDocument(Document):
    """A project, without its members."""

    project_id = StringField(primary_key=True)
    object_id = StringField(db_field="objectId")
    name = StringField()
    created_at = DateTimeField(db_field="createdAt")
    updated_at = DateTimeField(db_field="updatedAt")
    retention_days = IntField(db_field="retentionDays")
    meta: ClassVar = {"collection": "projects", "indexes": []}


class MemberFields(EmbeddedDocument):
    """One member of a project; the name and e-mail are the user's."""

    member_id = StringField(db_field="memberId")
    user_id = StringField(db_field="userId")
    role = StringField()
    joined_at = DateTimeField(db_field="joinedAt")


class MembersDocument(Document):
    """All members of one project in one document, in the order in which they came.

    What is written in one document is written at once, so that the last owner stays whoever is removed meanwhile.
    """

    project_id = StringField(primary_key=True)
    members = EmbeddedDocumentListField(MemberFields)
    meta: ClassVar = {"collection": "projectMembers", "indexes": ["members.user_id"]}


class ApiKeyDocument(Document):
    """A key's hash."""

    key_id = StringField(primary_key=True)
    project_id = StringField(db_field="projectId")
    name = StringField()
    prefix = StringField()
    key_hash = StringField(db_field="keyHash")
    created_at = DateTimeField(db_field="createdAt")
    last_used_at = DateTimeField(db_field="lastUsedAt")
    is_active = BooleanField(db_field="isActive")
    meta: ClassVar = {
        "collection": "apiKeys",
        "indexes": [{"fields": ["key_hash"], "unique": True}, "project_id"],
    }


class AttemptFields(EmbeddedDocument):
    """One attempt, and when its window is over."""

    at = DateTimeField()
    ends_at = DateTimeField(db_field="endsAt")


class AttemptsDocument(Document):
    """All attempts of one key that count; `revision` is another after every change."""

    key = StringField(primary_key=True)
    attempts = EmbeddedDocumentListField(AttemptFields)
    ends_at = DateTimeField(db_field="endsAt")
    revision = StringField()
    meta: ClassVar = {"collection": "attempts", "indexes": ["ends_at"]}


class DeletedTraceDocument(Document):
    """A trace's tombstone. `_id` is the project and the trace.

    With `lookAt` the trace is hidden, and from then on its rows are looked for. With `olderThan` it only expired: what
    is younger stays, and the tombstone goes. `revision` is another after every change.
    """

    tombstone_id = StringField(primary_key=True)
    project_id = StringField(db_field="projectId")
    trace_id = StringField(db_field="traceId")
    deleted_at = DateTimeField(db_field="deletedAt")
    older_than = DateTimeField(db_field="olderThan")
    look_at = DateTimeField(db_field="lookAt")
    revision = StringField()
    meta: ClassVar = {
        "collection": "deletedTraces",
        "indexes": [["project_id", "look_at", "trace_id"], {"fields": ["look_at"], "sparse": True}],
    }


class DeletedProjectDocument(Document):
    """A project's tombstone, which hides all that is the project's, for ever; `lookAt` and `revision` as a trace's."""

    project_id = StringField(primary_key=True)
    deleted_at = DateTimeField(db_field="deletedAt")
    look_at = DateTimeField(db_field="lookAt")
    revision = StringField()
    meta: ClassVar = {"collection": "deletedProjects", "indexes": [{"fields": ["look_at"], "sparse": True}]}


ACCOUNT_DOCUMENTS: Final[tuple[type[Document], ...]] = (
    UserDocument,
    ProjectDocument,
    MembersDocument,
    ApiKeyDocument,
    AttemptsDocument,
    DeletedTraceDocument,
    DeletedProjectDocument,
)

"""The model: who may see what, in ten lines; and what each project must hold."""

from dataclasses import dataclass, field

__all__ = ["WhoMay"]


@dataclass
class WhoMay:
    """What the server was told so far, and what follows from it."""

    user_of: dict[str, str] = field(default_factory=dict)
    """By token, good ones only."""

    project_of: dict[str, str] = field(default_factory=dict)
    """By key, good ones only."""

    role: dict[tuple[str, str], str] = field(default_factory=dict)
    """By project and user."""

    steps: dict[str, dict[str, int]] = field(default_factory=dict)
    """By project: each step's id, and the number that it had when it first came."""

    deleted_traces: set[tuple[str, str]] = field(default_factory=set)
    """By project: what is sent to these again is taken, and kept no more."""

    def by_token(self, token: str, project_id: str, needed: tuple[str, ...]) -> int:
        """Return the status for a call in a project that needs one of these roles."""
        if token not in self.user_of:
            return 401
        role = self.role.get((project_id, self.user_of[token]))
        return 200 if role in needed else 403

    def by_key(self, key: str) -> int:
        """Return the status for a call that records."""
        return 200 if key in self.project_of else 401

    def by_url(self, is_as_signed: bool) -> int:
        """Return the status for a signed URL: it is right as a whole, or not at all."""
        return 200 if is_as_signed else 403

    def projects_of(self, user_id: str) -> set[str]:
        """Return the projects that a user is shown."""
        return {project_id for project_id, member in self.role if member == user_id}

    def owners(self, project_id: str) -> list[str]:
        """Return the users who own a project."""
        return [user for (project, user), role in self.role.items() if project == project_id and role == "owner"]

"""What a view reaches: the services of its application, the settings, and who is calling."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app, request

from xray_backend.api.client_address import client_address
from xray_backend.api.request_log import note_project
from xray_backend.auth.accounts import Accounts
from xray_backend.auth.api_keys import ApiKeys
from xray_backend.auth.permissions import Permissions
from xray_backend.auth.tokens import token_user
from xray_backend.config import Config
from xray_backend.ingest.limits import Limits
from xray_backend.metrics import Metrics
from xray_backend.services.deletion import Deletion
from xray_backend.services.members import Members
from xray_backend.services.projects import Projects
from xray_backend.services.readiness import Readiness
from xray_backend.services.reading import Reading
from xray_backend.services.recording import Recording
from xray_backend.services.sdk_drops import SdkDrops
from xray_backend.services.searching import Searching
from xray_backend.services.uploads import Uploads
from xray_backend.store.records import KeyOwner, User

__all__ = [
    "Services",
    "caller_address",
    "install_services",
    "require_key",
    "require_member",
    "require_owner",
    "require_user",
    "services",
    "services_of",
]

_EXTENSION = "xray"


@dataclass(frozen=True)
class Services:
    """Everything that views call."""

    config: Config
    limits: Limits
    metrics: Metrics
    accounts: Accounts
    api_keys: ApiKeys
    permissions: Permissions
    projects: Projects
    members: Members
    recording: Recording
    sdk_drops: SdkDrops
    uploads: Uploads
    reading: Reading
    searching: Searching
    readiness: Readiness
    deletion: Deletion
    start: Callable[[], None]
    """Begins the work in the background; called once, after the last fork."""

    close: Callable[[], None]


def install_services(app: Flask, made: Services) -> None:
    """Give an application its services."""
    app.extensions[_EXTENSION] = made


def services_of(app: Flask) -> Services:
    """Return the services of an application."""
    return cast(Services, app.extensions[_EXTENSION])


def services() -> Services:
    """Return the services of the application that answers."""
    return services_of(current_app)


def require_user() -> User:
    """Return the user whose token came along. Raises `Unauthorized` if none, or no good one, did."""
    return token_user()


def require_member(project_id: str) -> User:
    """Return the user, a member of this project. Raises `Unauthorized` or `Forbidden` otherwise."""
    user = require_user()
    services().permissions.require_member(project_id, user.user_id)
    note_project(project_id)
    return user


def require_owner(project_id: str) -> User:
    """Return the user, an owner of this project. Raises `Unauthorized` or `Forbidden` otherwise."""
    user = require_user()
    services().permissions.require_owner(project_id, user.user_id)
    note_project(project_id)
    return user


def require_key() -> KeyOwner:
    """Return what the API key that came along stands for. Raises `Unauthorized` if it is missing or no good."""
    owner = services().api_keys.owner(request.headers.get("x-api-key"))
    note_project(owner.project_id)
    return owner


def caller_address() -> str:
    """Return the caller's network address, as far as it can be believed."""
    return client_address(
        request.remote_addr, request.headers.get("X-Forwarded-For"), services().config.trusted_proxies
    )

"""A user, a project and a key for local use, made at the first start."""

import secrets

from xray_backend.auth.api_keys import ApiKeys
from xray_backend.auth.passwords import Passwords
from xray_backend.data_dir import Credentials
from xray_backend.errors import Unauthorized
from xray_backend.ids import new_object_id
from xray_backend.services.projects import Projects
from xray_backend.store.base import Store
from xray_backend.store.records import User

__all__ = ["is_usable", "make_local_account"]

PASSWORD_BYTES = 15  # 20 characters of base64, 120 bits


def is_usable(credentials: Credentials, store: Store) -> bool:
    """Tell whether the key in these credentials is one of this store's, and active."""
    try:
        owner = ApiKeys(store).owner(credentials.api_key)
    except Unauthorized:
        return False
    return owner.project_id == credentials.project_id


def make_local_account(store: Store, base_url: str) -> Credentials:
    """Make a user, a project and a key, and return what reaches them."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    email = _free_email(store)
    user = User(new_object_id(), email, "Local user", Passwords().hash(password))
    store.create_user(user)
    project = Projects(store).create("Local project", user.user_id)
    key = ApiKeys(store).create(project.project_id, "Local key")
    return Credentials(base_url, project.project_id, key.key, email, password)


def _free_email(store: Store) -> str:
    email = "local@localhost"
    while store.user_by_email(email) is not None:  # the credentials of an earlier start were removed
        email = f"local-{secrets.token_hex(4)}@localhost"
    return email

"""Registering, logging in, who is logged in, and another password."""

from typing import Annotated

import msgspec
from flask import Blueprint, Response

from xray_backend.api.answers import answer
from xray_backend.api.context import caller_address, require_user, services
from xray_backend.api.described import described
from xray_backend.api.request_body import read_fields
from xray_backend.store.records import User

__all__ = ["blueprint"]

blueprint = Blueprint("auth", __name__, url_prefix="/api/v1/auth")

Password = Annotated[str, msgspec.Meta(min_length=8, max_length=1024, description="8 to 1,024 characters")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Registration(msgspec.Struct):
    """A new account."""

    email: Annotated[str, msgspec.Meta(max_length=254)]
    password: Password
    name: Name


class LogIn(msgspec.Struct):
    """An account's e-mail and password."""

    email: str
    password: str


class PasswordChange(msgspec.Struct, rename="camel"):
    """The password as it is and as it is to be."""

    current_password: str
    new_password: Password


class UserView(msgspec.Struct):
    """An account as it is shown."""

    id: str
    email: str
    name: str


_SESSION = {"user": UserView, "token": str}


@blueprint.post("/register")
@described(_SESSION, body=Registration, errors=(403, 409, 429))
def register() -> Response:
    """Make an account and log in."""
    given = read_fields(Registration)
    user, token = services().accounts.register(given.email, given.password, given.name, address=caller_address())
    return answer({"user": _shown(user), "token": token})


@blueprint.post("/login")
@described(_SESSION, body=LogIn, errors=(401, 429))
def log_in() -> Response:
    """Log in; the token is good for 7 days."""
    given = read_fields(LogIn)
    user, token = services().accounts.log_in(given.email, given.password, address=caller_address())
    return answer({"user": _shown(user), "token": token})


@blueprint.get("/me")
@described({"user": UserView}, credentials="token")
def me() -> Response:
    """Tell whose token this is."""
    return answer({"user": _shown(require_user())})


@blueprint.post("/password")
@described({"success": bool}, body=PasswordChange, credentials="token", errors=(429,))
def change_password() -> Response:
    """Change the password; every token that was issued before stops working, the caller's own among them."""
    user = require_user()
    given = read_fields(PasswordChange)
    services().accounts.change_password(user, given.current_password, given.new_password, address=caller_address())
    return answer({"success": True})


def _shown(user: User) -> UserView:
    return UserView(user.user_id, user.email, user.name)

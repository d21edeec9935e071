"""Accounts: registering, logging in, and another password."""

import re

from xray_backend.auth.passwords import Passwords
from xray_backend.auth.rate_limits import RateLimits
from xray_backend.auth.tokens import issue_token
from xray_backend.errors import BadRequest, Forbidden, Unauthorized
from xray_backend.ids import new_object_id
from xray_backend.store.base import Store
from xray_backend.store.records import User

__all__ = ["Accounts"]

MAX_EMAIL_CHARACTERS = 254  # the longest address that mail can be sent to (RFC 5321)
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")


class Accounts:
    """Makes accounts and lets their owners in."""

    def __init__(self, store: Store, passwords: Passwords, limits: RateLimits, *, registration_open: bool) -> None:
        self._store = store
        self._passwords = passwords
        self._limits = limits
        self._registration_open = registration_open

    def register(self, email: str, password: str, name: str, *, address: str) -> tuple[User, str]:
        """Make an account and log it in.

        Raises `Forbidden` if registration is closed, `TooManyRequests` if the address registered or the e-mail was
        tried too often, `Conflict` if the e-mail is taken.
        """
        if not self._registration_open:
            raise Forbidden("Registration is closed on this server; ask its owner for an account.")
        email = _checked_email(email)
        self._limits.count("register_by_address", address)
        self._limits.count("register_by_account", email)
        user = User(new_object_id(), email, name, self._passwords.hash(password))
        self._store.create_user(user)
        return user, issue_token(user)

    def log_in(self, email: str, password: str, *, address: str) -> tuple[User, str]:
        """Check the password. Raises `Unauthorized` if it or the e-mail is wrong; nobody can tell which."""
        email = email.lower()
        self._limits.count("login_by_address", address)
        self._limits.count("login_by_account", email[: MAX_EMAIL_CHARACTERS + 1])
        user = self._store.user_by_email(email)
        if not self._passwords.matches(user.password_hash if user else None, password) or user is None:
            raise Unauthorized("Invalid email or password")
        return user, issue_token(user)

    def change_password(self, user: User, current: str, new: str, *, address: str) -> None:
        """Give the account another password; every token that there was stops working.

        A try counts as one to log in. Raises `Unauthorized` if the current password is wrong, `BadRequest` if the new
        one is too short or too long, `TooManyRequests` if the address or the account tried too often.
        """
        self._limits.count("login_by_address", address)
        self._limits.count("login_by_account", user.email)
        if not self._passwords.matches(user.password_hash, current) or not self._store.replace_password(
            user.user_id, user.password_hash, self._passwords.hash(new)
        ):
            raise Unauthorized("The current password is wrong.")


def _checked_email(email: str) -> str:
    if len(email) > MAX_EMAIL_CHARACTERS or not _EMAIL.fullmatch(email):
        raise BadRequest("The field email must be an e-mail address.")
    return email.lower()

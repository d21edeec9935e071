"""Tokens of people who logged in: JWT, HS256, 7 days, with `userId`, `iat`, `exp` and `pwd`.

`pwd` is a MAC of the stored hash of the password under which the token was issued. Each hash has a salt of its own, so
whoever changes the password, even to the same one, ends all tokens that there were, on every process at once.
"""

import hmac
import time
from datetime import timedelta
from typing import cast

from flask import Flask, current_app
from flask_jwt_extended import JWTManager, create_access_token, get_current_user, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError
from jwt.exceptions import DecodeError, ExpiredSignatureError, PyJWTError

from xray_backend.errors import Unauthorized
from xray_backend.store.base import Store
from xray_backend.store.records import User

__all__ = ["install_tokens", "issue_token", "token_user"]

LIFETIME = timedelta(days=7)  # the wire contract's number
CLOCK_SET_BACK = timedelta(days=1)
"""Tokens may come from so far in the future: after a clock was an hour or a date ahead and was set right, people stay
logged in. That we signed them is what they are worth; `exp` is held to the second all the same."""

_CLAIM = "pwd"
_MAC_CHARACTERS = 32  # 128 bits: beyond guessing, and the token stays short


def install_tokens(app: Flask, secret: str, store: Store) -> None:
    """Tell the application how tokens are made and checked, and where their users are found."""
    app.config.update(
        JWT_SECRET_KEY=secret,
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],  # pinned: a token cannot choose how it is checked
        JWT_TOKEN_LOCATION=["headers"],
        JWT_IDENTITY_CLAIM="userId",
        JWT_ACCESS_TOKEN_EXPIRES=LIFETIME,
        JWT_ENCODE_NBF=False,
        JWT_DECODE_LEEWAY=CLOCK_SET_BACK,  # for `iat`; what it adds to `exp` is taken away again below
        JWT_COOKIE_CSRF_PROTECT=False,  # there are no cookies, and the claim would only make tokens longer
    )
    manager = JWTManager(app)

    @manager.user_lookup_loader
    def find_user(header: dict[str, object], claims: dict[str, object]) -> User | None:
        _check_expiry(claims.get("exp"))
        user_id, mac = claims.get("userId"), claims.get(_CLAIM)
        user = store.user_by_id(user_id) if isinstance(user_id, str) else None
        if user is None or not isinstance(mac, str):
            return None
        return user if hmac.compare_digest(mac.encode(), _password_mac(user).encode()) else None


def _check_expiry(expires_at: object) -> None:
    """Raise `PyJWTError` if a token's time is over, or if it has none."""
    if not isinstance(expires_at, int | float):
        raise DecodeError("a token without an end")
    if expires_at <= time.time():
        raise ExpiredSignatureError


def issue_token(user: User) -> str:
    """Return a new token for a user; needs the application's context."""
    token: str = create_access_token(identity=user.user_id, additional_claims={_CLAIM: _password_mac(user)})
    return token


def _password_mac(user: User) -> str:
    key: str = current_app.config["JWT_SECRET_KEY"]
    said = b"xray password of a token, version 1\n" + user.password_hash.encode()
    return hmac.new(key.encode(), said, "sha256").hexdigest()[:_MAC_CHARACTERS]


def token_user() -> User:
    """Return the user whose token the request carries. Raises `Unauthorized` if it carries none, or no good one."""
    try:
        verify_jwt_in_request()
    except NoAuthorizationError:
        raise Unauthorized("Log in and send the token as `Authorization: Bearer …`.") from None
    except ExpiredSignatureError:
        raise Unauthorized("The token has expired; log in again.") from None
    except (JWTExtendedException, PyJWTError):
        raise Unauthorized("The token is not valid; log in again.") from None
    return cast(User, get_current_user())

"""Tokens of people who logged in: JWT, HS256, 7 days, with `userId`, `iat` and `exp`."""

from datetime import timedelta

from flask import Flask, Response
from flask_jwt_extended import JWTManager, create_access_token

from xray_backend.errors import Unauthorized
from xray_backend.store.base import Store, User

__all__ = ["install_tokens", "issue_token"]

LIFETIME = timedelta(days=7)  # the wire contract's number
_LOG_IN_AGAIN = "The token is not valid; log in again."


def install_tokens(app: Flask, secret: str, store: Store) -> None:
    """Make the application check bearer tokens; every refusal is an `Unauthorized`, an absent store is not."""
    app.config.update(
        JWT_SECRET_KEY=secret,
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],  # pinned: a token cannot choose how it is checked
        JWT_TOKEN_LOCATION=["headers"],
        JWT_IDENTITY_CLAIM="userId",
        JWT_ACCESS_TOKEN_EXPIRES=LIFETIME,
        JWT_ENCODE_NBF=False,
        JWT_COOKIE_CSRF_PROTECT=False,  # there are no cookies, and the claim would only make tokens longer
    )
    manager = JWTManager(app)
    manager.unauthorized_loader(_no_token)
    manager.invalid_token_loader(lambda reason: _refuse(_LOG_IN_AGAIN))
    manager.expired_token_loader(lambda header, claims: _refuse("The token has expired; log in again."))
    manager.user_lookup_error_loader(lambda header, claims: _refuse(_LOG_IN_AGAIN))

    @manager.user_lookup_loader
    def find_user(header: dict[str, object], claims: dict[str, object]) -> User | None:
        user_id = claims.get("userId")
        return store.user_by_id(user_id) if isinstance(user_id, str) else None


def issue_token(user_id: str) -> str:
    """Return a new token for a user; needs the application's context."""
    token: str = create_access_token(identity=user_id)
    return token


def _no_token(reason: str) -> Response:
    return _refuse("Log in and send the token as `Authorization: Bearer …`.")


def _refuse(sentence: str) -> Response:
    raise Unauthorized(sentence)

"""Where blobs are kept on S3, as a URL says it: `s3://bucket/prefix?endpoint=…&region=…`."""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from xray_backend.errors import ConfigurationError

__all__ = ["Addressing", "S3Url", "parse_s3_url"]

Addressing: TypeAlias = Literal["auto", "path", "virtual"]

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3's own rule for new buckets
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]{0,199}")  # needs no quoting, and is neither `.` nor `..`
_LONGEST_PREFIX: Final = 500  # a key of S3 has 1,024 bytes at most, and ours need 450 below it
_REGION: Final = re.compile(r"[A-Za-z0-9-]{1,60}")
_PARAMETERS: Final = ("endpoint", "public_endpoint", "region", "addressing", "sha256")
_ADDRESSINGS: Final[dict[str, Addressing]] = {"auto": "auto", "path": "path", "virtual": "virtual"}
_EXAMPLE: Final = "s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-central-1"


@dataclass(frozen=True)
class S3Url:
    """A place on S3; it holds no secret, since boto3 finds the credentials."""

    bucket: str
    prefix: str = ""
    """What each key begins with: empty, or with a slash at its end."""

    endpoint: str | None = None
    """How this server reaches S3, if it is not Amazon's."""

    public_endpoint: str | None = None
    """How clients reach it, if it is otherwise."""

    region: str | None = None
    addressing: Addressing = "auto"
    signs_sha256: bool = True
    """Whether the SHA-256 of a value is part of its URL's signature."""

    def key(self, data_path: str) -> str:
        """Return the key of a blob."""
        return self.prefix + data_path


def parse_s3_url(url: str) -> S3Url:
    """Read the URL. Raises `ConfigurationError` if it names no place."""
    try:
        parts = urlsplit(url)
        arguments = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else ())
        return _read(parts.scheme, parts.netloc, parts.path, parts.fragment, arguments)
    except ValueError as error:
        raise ConfigurationError(f"The URL of the blob store cannot be used: {error}.") from None


def _read(scheme: str, bucket: str, path: str, fragment: str, arguments: dict[str, str]) -> S3Url:
    if scheme != "s3" or fragment:
        raise ValueError(f"it must be like {_EXAMPLE}")
    if "@" in bucket:
        raise ValueError("it must not hold credentials; boto3 finds them, in AWS_ACCESS_KEY_ID for example")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError("its bucket is no name of 3 to 63 lower-case letters, digits, dots and hyphens")
    unknown = [name for name in arguments if name not in _PARAMETERS]
    if unknown:
        raise ValueError(f"it has the parameter {unknown[0]!r}; there are {', '.join(_PARAMETERS)}")
    endpoint = _endpoint("endpoint", arguments)
    return S3Url(
        bucket=bucket,
        prefix=_prefix(path),
        endpoint=endpoint,
        public_endpoint=_endpoint("public_endpoint", arguments),
        region=_region(arguments),
        addressing=_ADDRESSINGS[_one_of("addressing", arguments, tuple(_ADDRESSINGS))],
        signs_sha256=_one_of("sha256", arguments, ("signed", "unsigned")) == "signed",
    )


def _prefix(path: str) -> str:
    segments = [segment for segment in path.split("/") if segment]
    if not all(map(_SEGMENT.fullmatch, segments)):
        raise ValueError("its prefix may hold letters, digits and `_.=-`, and no part of it begins with a dot")
    prefix = "".join(f"{segment}/" for segment in segments)
    if len(prefix) > _LONGEST_PREFIX:
        raise ValueError(f"its prefix has {len(prefix)} characters; {_LONGEST_PREFIX} is the most")
    return prefix


def _endpoint(name: str, arguments: dict[str, str]) -> str | None:
    if name not in arguments:
        return None
    parts = urlsplit(arguments[name])
    if "@" in parts.netloc:
        raise ValueError(f"its {name} must not hold credentials; boto3 finds them")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(f"its {name} must be like https://s3.example.org:9000, with no path")
    return f"{parts.scheme}://{parts.netloc}"


def _region(arguments: dict[str, str]) -> str | None:
    region = arguments.get("region")
    if region is not None and not _REGION.fullmatch(region):
        raise ValueError("its region must be a name like eu-central-1")
    return region


def _one_of(name: str, arguments: dict[str, str], choices: tuple[str, ...]) -> str:
    chosen = arguments.get(name, choices[0])
    if chosen not in choices:
        raise ValueError(f"its {name} must be one of {', '.join(choices)}")
    return chosen

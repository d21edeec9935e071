"""How brokers and server know each other: the settings of SASL and TLS become properties of librdkafka."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from xray_backend.config import Config
from xray_backend.errors import ConfigurationError

__all__ = ["kafka_options"]

_PROTOCOL: Final = "SECURITY_PROTOCOL"
_MECHANISM: Final = "SASL_MECHANISM"
_SASL: Final = (_MECHANISM, "SASL_USERNAME", "SASL_PASSWORD")
_CERTIFICATE: Final = ("TLS_CERTIFICATE_FILE", "TLS_KEY_FILE")

_PROPERTIES: Final[Mapping[str, str]] = {
    _PROTOCOL: "security.protocol",
    _MECHANISM: "sasl.mechanism",
    "SASL_USERNAME": "sasl.username",
    "SASL_PASSWORD": "sasl.password",
    "TLS_CA_FILE": "ssl.ca.location",
    "TLS_CERTIFICATE_FILE": "ssl.certificate.location",
    "TLS_KEY_FILE": "ssl.key.location",
}
"""The property that each setting is."""

_ALIASES: Final = {"sasl.mechanisms": "sasl.mechanism"}

_WITHOUT_PASSWORD: Final = ("GSSAPI", "OAUTHBEARER")
"""Mechanisms that only `XRAY_KAFKA_OPTIONS` can choose, with all that they need."""


def kafka_options(config: Config) -> Mapping[str, str]:
    """Return `XRAY_KAFKA_OPTIONS` with the settings of SASL and TLS.

    Raises `ConfigurationError` if they contradict each other, or one needs another.
    """
    values = {name: getattr(config, f"kafka_{name.lower()}") for name in _PROPERTIES}
    chosen = {name: str(value) for name, value in values.items() if value is not None}
    written = {_ALIASES.get(name, name): name for name in config.kafka_options}
    given = {option: config.kafka_options[name] for option, name in written.items()}
    options = {**given, **{_PROPERTIES[name]: value for name, value in chosen.items()}}
    for fault in (*_said_twice(chosen, written), *_without_effect(chosen, options), *_halves(chosen, options)):
        raise ConfigurationError(fault)
    return options


def _said_twice(chosen: Mapping[str, str], written: Mapping[str, str]) -> Iterator[str]:
    for name in chosen:
        if _PROPERTIES[name] in written:
            option = written[_PROPERTIES[name]]
            yield f"{_named(name)} and `{option}` in XRAY_KAFKA_OPTIONS say the same: leave one of them out."


def _without_effect(chosen: Mapping[str, str], options: Mapping[str, str]) -> Iterator[str]:
    protocol = _protocol(options)
    for name in chosen:
        if name in _SASL and "SASL" not in protocol:
            yield f"{_named(name)} has no effect: set {_named(_PROTOCOL)} to SASL_SSL, or to SASL_PLAINTEXT."
        elif name.startswith("TLS") and "SSL" not in protocol:
            yield f"{_named(name)} has no effect: set {_named(_PROTOCOL)} to SSL, or to SASL_SSL."


def _halves(chosen: Mapping[str, str], options: Mapping[str, str]) -> Iterator[str]:
    logs_in = "SASL" in chosen.get(_PROTOCOL, "") or any(name in chosen for name in _SASL)
    mechanism = options.get(_PROPERTIES[_MECHANISM], "").upper()
    if logs_in and mechanism not in _WITHOUT_PASSWORD:
        yield from _missing(_SASL, options)
    if any(name in chosen for name in _CERTIFICATE):
        yield from _missing(_CERTIFICATE, options)


def _missing(names: Sequence[str], options: Mapping[str, str]) -> Iterator[str]:
    for name in names:
        if _PROPERTIES[name] not in options:
            others = " and ".join(_named(other) for other in names if other != name)
            yield f"{_named(name)} is missing: no broker lets anybody in with only some of it and {others}."


def _protocol(options: Mapping[str, str]) -> str:
    return options.get(_PROPERTIES[_PROTOCOL], "PLAINTEXT").upper()


def _named(name: str) -> str:
    return f"XRAY_KAFKA_{name}"

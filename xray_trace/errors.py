"""The SDK's errors.

    XRayError
    ├── ConfigError        an option's value cannot be used
    ├── SpoolError         the local disk does not take or give what it should
    └── DeliveryError      the server did not take what was sent

None of them ever reaches the program that is traced: the guard turns them into counts and log lines.
The command line shows them as sentences.
"""

__all__ = ["ConfigError", "DeliveryError", "SpoolError", "XRayError"]


class XRayError(Exception):
    """Whatever goes wrong inside the SDK."""


class ConfigError(XRayError):
    """An option's value cannot be used."""


class SpoolError(XRayError):
    """The local disk does not take or give what it should."""


class DeliveryError(XRayError):
    """The server did not take what was sent."""

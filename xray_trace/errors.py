"""The SDK's errors.

    XRayError
    ├── ConfigError        an option's value cannot be used
    ├── SpoolError         the local disk does not take or give what it should
    │   ├── SpoolFullError     the spool holds as much as the settings let it
    │   ├── FileGoneError      a file of the spool was removed by somebody else
    │   └── QueueClosedError   the queue was closed while a record was on its way to it
    └── DeliveryError      the server did not take what was sent

None of them ever reaches the program that is traced: the guard turns them into counts and log lines.
The command line shows them as sentences.
"""

__all__ = [
    "ConfigError",
    "DeliveryError",
    "FileGoneError",
    "QueueClosedError",
    "SpoolError",
    "SpoolFullError",
    "XRayError",
]


class XRayError(Exception):
    """Whatever goes wrong inside the SDK."""


class ConfigError(XRayError):
    """An option's value cannot be used."""


class SpoolError(XRayError):
    """The local disk does not take or give what it should."""


class SpoolFullError(SpoolError):
    """The spool holds as much as the settings let it."""


class FileGoneError(SpoolError):
    """A file of the spool was removed by somebody else."""


class QueueClosedError(SpoolError):
    """The queue was closed, by a shutdown or a fork; another one must be made."""


class DeliveryError(XRayError):
    """The server did not take what was sent."""

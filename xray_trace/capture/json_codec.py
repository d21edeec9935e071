"""The one JSON encoder, without a hook.

A hook would be Python code that runs in the middle of a container, where another thread could change that container
under the encoder. What the encoder does not know is converted before, by `plain.Plainer`.
"""

from collections.abc import Callable
from typing import Any

import msgspec

__all__ = ["JSON", "decode_json", "encode_json"]

JSON = "application/json"

encode_json: Callable[[Any], bytes] = msgspec.json.Encoder().encode
"""Encode what the probe found plain, or what the plainer made; raises msgspec's and Unicode errors for the rest."""

decode_json: Callable[[bytes], Any] = msgspec.json.Decoder().decode
"""Read what `encode_json` wrote."""

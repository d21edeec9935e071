"""Records LangChain and LangGraph runs as X-Ray steps; needs the `langchain` extra."""

from xray_langchain.handler import XRayCallbackHandler
from xray_langchain.hook import install, uninstall

__all__ = ["XRayCallbackHandler", "install", "uninstall"]

"""WSGI and ASGI middleware: a web request is a step, or a trace where none came."""

"""A program's errors in Flask are heard of however it came to import it, and nothing is left open on the way."""

from tests.programs import printed

BEGIN = """
import signal, sys
from werkzeug.test import Client
from xray_trace.default import install
from xray_trace.testing import MemoryTracer
from xray_web import XRayWSGIMiddleware
tracer = MemoryTracer()
install(tracer)
def answer(environ, start_response):
    start_response("200 OK", [])
    return [b""]
plain = XRayWSGIMiddleware(answer)
"""
TELL = """
print([(step.name, step.metadata.get("errorType")) for step in tracer.steps], tracer.stats().swallowed)
"""
HALF_IMPORTED = """
class Finder:
    def find_spec(self, name, path=None, target=None):  # as another thread's request would come amid the import
        if name == "flask.app":
            sys.meta_path.remove(self)
            Client(plain).get("/").get_data()
sys.meta_path.insert(0, Finder())
from flask import Flask
app = Flask("shop")
app.logger.disabled = True
@app.get("/broken")
def broken():
    raise ValueError("no weather today")
app.wsgi_app = XRayWSGIMiddleware(app.wsgi_app)
Client(app).get("/broken").get_data()
"""
STRUCK = """
import flask
def leave(number, frame):
    raise SystemExit("the worker takes too long")
signal.signal(signal.SIGINT, leave)
def look(frame, event, arg):
    if event == "call" and frame.f_code.co_name == "connect":
        sys.setprofile(None)
        signal.raise_signal(signal.SIGINT)
sys.setprofile(look)
try:
    Client(plain).get("/")
except SystemExit:
    pass
"""


def test_a_request_that_comes_while_flask_is_being_imported_does_no_harm() -> None:
    assert printed(BEGIN + HALF_IMPORTED + TELL) == "[('GET', None), ('GET /broken', 'ValueError')] 0\n"


def test_a_signal_that_strikes_while_flask_is_being_connected_ends_the_request() -> None:
    assert printed(BEGIN + STRUCK + TELL) == "[('GET', 'SystemExit')] 0\n"

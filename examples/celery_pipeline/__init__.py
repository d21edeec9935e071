"""One trace from a web request through an agent to two Celery tasks."""

"""Carries X-Ray traces through Celery messages and workers; needs the `celery` extra."""

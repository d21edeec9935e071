"""Carries X-Ray traces through Celery messages and workers; needs the `celery` extra."""

from xray_celery.installation import install, uninstall
from xray_celery.publishing import NotPublished

__all__ = ["NotPublished", "install", "uninstall"]

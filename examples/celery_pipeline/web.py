"""The web application: it asks the agent, answers, and leaves the letter to the workers."""

import xray_langchain
from fastapi import FastAPI
from weather_agent import advise
from xray_web import XRayASGIMiddleware

from celery_pipeline.tasks import send_advice

__all__ = ["api"]

xray_langchain.install()
api = FastAPI()
api.add_middleware(XRayASGIMiddleware)


@api.get("/advice/{city}")
def give_advice(city: str, name: str) -> dict[str, str]:
    """Return advice for today in a city, which also goes out as a letter."""
    advice = advise(city)
    send_advice(advice, name)
    return {"advice": advice}

"""What the workers do: a letter is written, then sent. The broker is named by `BROKER_URL`."""

import os

import xray_celery
from celery import Celery, chain

import xray_trace as xray

__all__ = ["app", "send_advice"]

app = Celery("letters", broker=os.environ["BROKER_URL"], backend=os.environ["BROKER_URL"])
xray_celery.install()


@xray.step
def find_salutation(name: str) -> str:
    """Return how somebody is addressed."""
    return f"Dear {name},"


@app.task
def write_letter(advice: str, name: str) -> str:
    """Write advice as a letter."""
    return f"{find_salutation(name)}\n{advice}\n"


@app.task
def send_letter(letter: str, address: str) -> dict[str, object]:
    """Hand a letter over to the mail."""
    return {"address": address, "characters": len(letter)}


def send_advice(advice: str, name: str) -> None:
    """Have both done, one after the other, by whichever worker is free."""
    chain(write_letter.s(advice, name), send_letter.s(f"{name.lower()}@example.org")).delay()

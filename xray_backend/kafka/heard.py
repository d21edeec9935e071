"""What the library says of the brokers while a program waits for them."""

from confluent_kafka import KafkaError

__all__ = ["Heard"]


class Heard:
    """Its `error_cb`: keeps what is said of the cause, and not that all brokers are away because of it."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, error: KafkaError) -> None:
        """Hear of an error; the library calls it while it is polled."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._said = error.str()

    def __str__(self) -> str:
        """Return what follows on a sentence: nothing, or what was said last."""
        return f" ({self._said})" if self._said else ""

"""Events over Kafka: the API produces them, a program of its own consumes them."""

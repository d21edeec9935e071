"""How the tools are called in the table."""

__all__ = ["TITLES"]

TITLES = {
    "xray": "xray-trace",
    "xray_off": "xray-trace, off",
    "otel": "OpenTelemetry",
    "otel_json": "OpenTelemetry + JSON",
    "datadog": "ddtrace",
    "langfuse": "Langfuse",
}

# Two stages: one that builds wheels, and one that holds Python, the installed packages, and nothing to build with.

FROM python:3.12-slim-bookworm AS build
WORKDIR /source
# constraints.txt pins what is installed to what was tested.
COPY pyproject.toml constraints.txt README.md ./
COPY xray_trace xray_trace
COPY xray_backend xray_backend
COPY integrations integrations
RUN python -m venv /opt/xray \
    && /opt/xray/bin/pip install --no-cache-dir --constraint constraints.txt '.[backend,cluster]'

FROM python:3.12-slim-bookworm
LABEL org.opencontainers.image.title="xray-backend"
RUN useradd --system --uid 10001 --home-dir /data --no-create-home xray \
    && install --directory --owner=xray --group=xray --mode=0700 /data
COPY --from=build /opt/xray /opt/xray
ENV PATH=/opt/xray/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    XRAY_DATA_DIR=/data \
    XRAY_HOST=0.0.0.0 \
    XRAY_PORT=3000
USER 10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 3000
STOPSIGNAL SIGTERM
# The command itself is process 1: no shell stands between it and a signal.
ENTRYPOINT ["xray-backend"]
CMD ["serve"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"XRAY_PORT\"]}/health', timeout=4)"]

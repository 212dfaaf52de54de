# syntax=docker/dockerfile:1
# The service and its doors in an image: `docker build -t gapless .`, with CUDA: `docker build --build-arg DEVICE=cuda
# -t gapless .`. A door is another command of it: `docker run --entrypoint python gapless -m gapless.doors.http`.
# It refuses to start until TLS and tokens are given, or waived by name: docs/security.md. /data holds created voices and
# downloaded checkpoints: a volume.
#
# What is installed is pinned by hash (deploy/*.txt, `make lock`), and the base by digest: python:3.11-slim with CPython
# 3.11.16 on Debian 13, as of August 2026. A newer one, with Debian's security updates, is
# `docker buildx imagetools inspect python:3.11-slim --format '{{.Manifest.Digest}}'`.
ARG BASE=python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7

FROM ${BASE} AS build
# cpu: torch's CPU wheels, a tenth of the size. cuda: the default wheels, which bring CUDA along.
ARG DEVICE=cpu
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
COPY deploy/setuptools.txt deploy/torch-${DEVICE}.txt deploy/requirements.txt /src/
# One dependency has no wheel: setuptools builds it, and comes first therefore.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes -r /src/setuptools.txt \
    && pip install --require-hashes --no-deps -r /src/torch-${DEVICE}.txt \
    && pip install --require-hashes --no-deps --no-build-isolation -r /src/requirements.txt \
    && pip check

FROM ${BASE}
# libopus encodes Opus; without it the service says that it has none.
RUN apt-get update && apt-get install --yes --no-install-recommends libopus0 && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 gapless && install -d -o gapless /data
COPY --from=build /venv /venv
WORKDIR /app
COPY engine engine
COPY client client
COPY doors doors
COPY service service
COPY pyproject.toml .
COPY gapless gapless
# Health has a port of its own inside the container, in plain text: the health check works whatever TLS is asked for.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 GAPLESS_ADDRESS=0.0.0.0:50051 GAPLESS_HEALTH_ADDRESS=127.0.0.1:50052 \
    GAPLESS_VOICES=/data/voices HF_HOME=/data/huggingface
VOLUME /data
USER gapless
EXPOSE 50051
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-m", "service.healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "service"]

# syntax=docker/dockerfile:1
# The service in an image: `docker build -t gapless .`, with CUDA: `docker build --build-arg DEVICE=cuda -t gapless .`
# and run it with `--gpus all`. Serves on port 50051; there is no TLS yet, so publish it to loopback only.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# cpu: torch's CPU wheels, a tenth of the size. cuda: the default wheels, which bring CUDA along.
ARG DEVICE=cpu
WORKDIR /src
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY client client
COPY gapless gapless
RUN --mount=type=cache,target=/root/.cache/pip \
    if [ "$DEVICE" = cpu ]; then pip install --index-url https://download.pytorch.org/whl/cpu "torch>=2.6"; fi \
    && pip install '.[service]' && pip uninstall -y gapless

FROM python:${PYTHON}-slim
RUN useradd --create-home --uid 10001 gapless
COPY --from=build /venv /venv
WORKDIR /app
COPY engine engine
COPY service service
COPY pyproject.toml .
COPY gapless gapless
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 GAPLESS_ADDRESS=0.0.0.0:50051
USER gapless
EXPOSE 50051
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-m", "service.healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "service"]

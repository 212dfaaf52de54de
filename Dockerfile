# syntax=docker/dockerfile:1
# The service in an image: `docker build -t gapless .`, with CUDA: `docker build --build-arg DEVICE=cuda -t gapless .`.
# Port 50051; no TLS yet: publish it to loopback only. /data holds created voices and downloaded checkpoints: a volume.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# cpu: torch's CPU wheels, a tenth of the size. cuda: the default wheels, which bring CUDA along.
ARG DEVICE=cpu
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY client client
COPY doors doors
COPY gapless gapless
RUN --mount=type=cache,target=/root/.cache/pip \
    if [ "$DEVICE" = cpu ]; then pip install --index-url "$TORCH_CPU_INDEX" "torch>=2.6"; fi \
    && pip install '.[service]' && pip uninstall -y gapless

FROM python:${PYTHON}-slim
RUN useradd --create-home --uid 10001 gapless && install -d -o gapless /data
COPY --from=build /venv /venv
WORKDIR /app
COPY engine engine
COPY service service
COPY doors doors
COPY pyproject.toml .
COPY gapless gapless
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 GAPLESS_ADDRESS=0.0.0.0:50051 \
    GAPLESS_VOICES=/data/voices HF_HOME=/data/huggingface
VOLUME /data
USER gapless
EXPOSE 50051
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-m", "service.healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "service"]

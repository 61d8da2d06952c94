# person-count without a GPU, as a user of its own, with the weights in it; docs/operations.md
# shows how to run it. The base is pinned to its bytes: update tag and digest together.
ARG BASE=python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d

FROM ${BASE} AS build
# cpu: the usual torch brings 4 GB of CUDA
ENV UV_TORCH_BACKEND=cpu UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9 \
    && uv venv /opt/person-count
ENV VIRTUAL_ENV=/opt/person-count
COPY pyproject.toml /source/
# with the driver of PostgreSQL, for the setting database_url
RUN uv pip install -r /source/pyproject.toml --extra postgres
COPY README.md person_count.py /source/
COPY commands /source/commands/
COPY demo /source/demo/
COPY index /source/index/
COPY ingest /source/ingest/
COPY migrations /source/migrations/
COPY service /source/service/
RUN uv pip install --no-deps /source
# checks the weights' SHA-256 and converts the networks; a new volume on /data begins with them
RUN mkdir -m 0700 /data /data/weights \
    && /opt/person-count/bin/python -c "from index.base.settings import Settings; from ingest.networks.models import load_models; load_models(Settings(data='/data'), 'facenet')"

FROM ${BASE}
RUN groupadd --gid 10001 person-count \
    && useradd --uid 10001 --gid person-count --home-dir /data --no-create-home \
        --shell /usr/sbin/nologin person-count \
    && install -d -o person-count -g person-count /etc/person-count /inbox
COPY --from=build /opt/person-count /opt/person-count
COPY --from=build --chown=10001:10001 /data /data
# a container is reached from outside itself, so callers need a token: without the file of tokens
# it does not start. The tokens themselves are not in the image, only the file's place.
# hadolint ignore=DL3064
ENV PATH=/opt/person-count/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    PERSON_COUNT_INBOX=/inbox \
    PERSON_COUNT_DATA=/data \
    PERSON_COUNT_HOST=0.0.0.0 \
    PERSON_COUNT_TOKENS=/data/tokens
USER 10001:10001
# config.yaml is read from here, if one is mounted
WORKDIR /etc/person-count
VOLUME ["/inbox", "/data"]
EXPOSE 8022
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-m", "service.health"]
# exec: SIGTERM reaches the service itself, which finishes what is under way
CMD ["sh", "-c", "person-count migrate && exec person-count serve"]

# The API, the job worker and the command line in one image: `xite serve` by default, `xite worker` beside it.
# It listens where others can reach it, so it wants API keys: see docs/deployment.md.
FROM python:3.11-slim-bookworm AS build

# PyTorch without CUDA. Where another index carries the CPU build, name it here.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /src
RUN python3 -m venv /opt/xite
COPY requirements.lock ./
RUN /opt/xite/bin/pip install --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple "$(grep '^torch==' requirements.lock)"
COPY pyproject.toml README.md LICENSE ./
COPY xite_core ./xite_core
COPY app ./app
RUN /opt/xite/bin/pip install --constraint requirements.lock ".[tracing]"
RUN /opt/xite/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim-bookworm

RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin xite && mkdir /data && chown 10001:10001 /data && chmod 700 /data
COPY --from=build /opt/xite /opt/xite

# Nothing is written outside /data and /tmp, so the root file system may be read-only.
ENV PATH=/opt/xite/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 XITE_HOME=/data XITE_DRAIN_SECONDS=5 HF_HUB_OFFLINE=1 HOME=/tmp
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]

ENTRYPOINT ["xite"]
CMD ["serve", "--host", "0.0.0.0"]

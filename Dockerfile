# The image of api, worker, timetable and migrate: no tests, no servers, no compiler, no pip; nothing in it is written to.
# `--target sandbox` adds the PSEs' side of the wire, to try things out.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/estorno
WORKDIR /build
COPY deploy/requirements.lock ./
RUN /opt/estorno/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY api ./api
COPY domain ./domain
COPY jobs ./jobs
# Compiled here, because a container that cannot write would compile all that it imports at every start.
RUN /opt/estorno/bin/pip install --no-deps --no-build-isolation . \
    && /opt/estorno/bin/python -m compileall -q /opt/estorno/lib \
    && /opt/estorno/bin/pip uninstall --yes --quiet pip

FROM python:3.13-slim AS estorno
ENV PATH=/opt/estorno/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    ESTORNO_HOME=/var/lib/estorno ESTORNO_PULSE_FILE=/tmp/estorno.pulse
# The folder of files is the image's user's, so that a volume that is mounted there for the first time is too.
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/estorno estorno \
    && install -d -o 10001 -m 0700 /var/lib/estorno/files
COPY --from=build /opt/estorno /opt/estorno
WORKDIR /var/lib/estorno
USER 10001
CMD ["estorno", "api"]

FROM estorno AS sandbox
COPY tests/__init__.py /srv/tests/__init__.py
COPY tests/kit/__init__.py tests/kit/accounts.py /srv/tests/kit/
COPY tests/sandbox /srv/tests/sandbox
WORKDIR /srv
CMD ["python", "-m", "tests.sandbox", "--host", "0.0.0.0", "--port", "8900"]

# What `docker build .` makes.
FROM estorno

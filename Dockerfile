# One image for everything of ours, the sandbox included.
FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ESTORNO_HOME=/var/lib/estorno
RUN useradd --system --create-home --home-dir /var/lib/estorno estorno
WORKDIR /srv/estorno
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE schema.graphql ./
COPY api ./api
COPY domain ./domain
COPY jobs ./jobs
COPY tests ./tests
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e .
USER estorno
CMD ["estorno", "api"]

# Everything runs from .venv, which `make` builds from requirements.lock; nothing else need be installed.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
# What npm has for tests/clients, where there is npm; without it those tests are skipped, and fail where CI is set.
CLIENTS := $(if $(shell command -v npm),.venv/clients/installed)
# Many tests wait for processes that they have killed: two for each core keep the machine at work.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')
MINUTES ?= 1
HOME_OF_THE_RUN := $(or $(ESTORNO_HOME),.estorno)
export SECONDS SEED MINUTES SMALL LARGE ROUNDS REFUNDS PAGE
# Where it is set, each of our processes would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: attack audit browser clients docs screenshots bench-books bench-console bench-labelled pin-images sbom schemathesis crash help run demo test test-quick check fix bench bench-growth chaos fuzz simulate planted sweep schema migrate lock

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

PIP := $(BIN)/python -m pip
INSTALL := $(PIP) install --quiet --disable-pip-version-check

# uv takes a tenth of pip's time, and knows nothing of the index that pip may have been told to ask instead of the usual
# one: there, and where uv comes to no good end, pip does the same. Python compiles what is imported when it first is.
$(STAMP): requirements.lock deploy/uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Estorno needs Python 3.11 or newer; say which with PYTHON=python3.12 make ..."; exit 1; }
	$(PYTHON) -m venv .venv
	! $(PIP) config list | grep -qE '\.(index-url|no-index)=' \
		&& $(INSTALL) --only-binary :all: --require-hashes -r deploy/uv.lock \
		&& $(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --require-hashes -r requirements.lock \
		|| $(INSTALL) --no-compile --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: $(STAMP) ## start everything, play one demo day, keep serving until Ctrl-C
	@$(BIN)/estorno up --demo

demo: $(STAMP) ## play the demo day and end; exit status 0 only if everything came out as it must
	@$(BIN)/estorno up --demo --once

# The checks use one core, and the tests wait much of the time: beside each other, and the checks give way.
test: ## every check and every test
	@$(MAKE) --no-print-directory -j 2 $(STAMP) $(CLIENTS)
	@nice -n 10 $(MAKE) --no-print-directory check > .venv/check.log 2>&1 & checking=$$!; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q; tests=$$?; echo $$tests > .venv/tests.status; \
	wait $$checking; checks=$$?; cat .venv/check.log; exit $$((tests || checks))

# What needs no database: connectors, money, states, the house's rules. The whole is `make test`.
test-quick: check ## every check, and the tests that need no server
	$(BIN)/python -m pytest -n $(WORKERS) -q -p no:cacheprovider --no-servers tests/domain/pse tests/domain/test_money.py \
		tests/domain/refunds/test_states.py --ignore tests/domain/pse/test_contract.py -k 'not many_rows'

browser: $(STAMP) ## every page of the console in Chromium: both sizes, four languages, light and dark
	BROWSER=full $(BIN)/python -m pytest -n $(WORKERS) -q tests/browser

.venv/clients/installed: tests/clients/package.json tests/clients/package-lock.json
	@mkdir -p .venv/clients
	@cp tests/clients/package.json tests/clients/package-lock.json tests/clients/.npmrc .venv/clients/
	@if (cd .venv/clients && npm ci --no-audit --no-fund --no-progress --loglevel=error); then touch $@; \
		elif [ -n "$$CI" ]; then exit 1; else echo "npm installed nothing: tests/clients is skipped."; fi

clients: $(STAMP) .venv/clients/installed ## urql, Apollo, Relay, graphql-ws, graphql-sse, Code Generator and the audit against our API
	CI=$(or $(CI),true) $(BIN)/python -m pytest -q tests/clients

screenshots: $(STAMP) ## a picture of every page of the console in both sizes, to SHOTS=.screenshots; the tour's to docs/console
	@mkdir -p $(or $(SHOTS),.screenshots)
	TOUR=1 SCREENSHOTS=$(or $(SHOTS),.screenshots) $(BIN)/python -m pytest -n $(WORKERS) -q tests/browser/test_pages.py

check: $(STAMP) ## format, lint, types, import rules, schema drift
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy $(if $(CI),--cache-dir=/dev/null) api domain jobs tests
	$(BIN)/lint-imports
	$(BIN)/estorno schema --check

fix: $(STAMP) ## format and mend what can be mended
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

fuzz: $(STAMP) ## tests of any input, with new inputs for MINUTES=1, or one SEED again
	@$(BIN)/python -m tests.trials.fuzz

simulate: $(STAMP) ## play simulated lives of refunds for MINUTES, or one SEED again; exit status 0 only if all held
	@$(BIN)/python -m tests.trials.simulation $(if $(SEED),--seed $(SEED),--minutes $(MINUTES))

planted: $(STAMP) ## plant every bug and count the steps to its finding
	@$(BIN)/python -m tests.trials.simulation --planted

bench: $(STAMP) ## measure, as ratios against a limit of the same run
	$(BIN)/python -m tests.trials.bench

bench-growth: $(STAMP) ## the same work beside SMALL=20000 and LARGE=2000000 refunds, ROUNDS=3; some 15 GB and 30 minutes
	$(BIN)/python -m tests.trials.bench.growth

bench-console: $(STAMP) ## every page of the console for a merchant of REFUNDS=1000000: 60 ms and 80 KiB at most
	$(BIN)/python -m tests.trials.bench.console

bench-labelled: $(STAMP) ## made-up books of LINES=100000 and SEED=1: is every kind of discrepancy found, and nothing else
	@$(BIN)/python -m tests.trials.labelled --lines $(or $(LINES),100000) --seed $(or $(SEED),1)

.venv/compared/installed: tests/trials/bench/compared.lock $(STAMP)
	$(PYTHON) -m venv .venv/compared
	.venv/compared/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench-books: .venv/compared/installed ## nights of SMALL=100000 up to LARGE=1000000 lines, beside the floor of the same run
	$(BIN)/python -m tests.trials.bench.books

crash: $(STAMP) ## kill our programs at every named point (KILLS=200)
	@$(BIN)/python -m tests.trials.crash

chaos: $(STAMP) ## machines die under load for SECONDS=60 (SEED=... replays); exit status 0 only if the books come out right
	@$(BIN)/python -m tests.trials.chaos

.venv/schemathesis/installed: tests/trials/attack/requirements.lock $(STAMP)
	$(PYTHON) -m venv .venv/schemathesis
	.venv/schemathesis/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

schemathesis: .venv/schemathesis/installed ## a stranger's documents against what `make run` serves (best with ESTORNO_RATE_NEW_DOCUMENTS=0)
	@.venv/schemathesis/bin/python -c 'import json, sys; demo = json.load(open(sys.argv[1])); \
		print("base-url", demo["graphql"]); print("token", demo["tokens"]["ADMINISTRATOR"])' $(HOME_OF_THE_RUN)/demo.json \
		> .venv/schemathesis/run
	@SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONPATH=tests/trials/attack .venv/schemathesis/bin/schemathesis run schema.graphql \
		--url "$$(sed -n 's/^base-url //p' .venv/schemathesis/run)" \
		-H "Authorization: Bearer $$(sed -n 's/^token //p' .venv/schemathesis/run)" \
		--max-examples 30 --checks nothing_unexpected --generation-deterministic

attack: $(STAMP) ## attack a running instance in every known way; exit status 0 only if none succeeds
	@$(BIN)/python -m tests.trials.attack

sweep: $(STAMP) ## what the sweep costs beside a million finished refunds
	FINISHED_REFUNDS=1000000 $(BIN)/python -m pytest -q tests/jobs/test_sweep.py

schema: $(STAMP) ## print the GraphQL schema to schema.graphql, and its pages to docs/schema
	$(BIN)/estorno schema
	$(BIN)/python -m api.graphql.schema_pages

docs: schema ## the same: the pages about the API in docs/schema

migrate: $(STAMP) ## bring the database of DATABASE_URL up to date
	$(BIN)/estorno migrate

.venv/supply/installed: deploy/supply.lock $(STAMP)
	$(PYTHON) -m venv .venv/supply
	.venv/supply/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

sbom: .venv/supply/installed ## list what the image is made of (CycloneDX), to SBOM=sbom.cdx.json
	@.venv/supply/bin/cyclonedx-py requirements deploy/requirements.lock --pyproject pyproject.toml --output-reproducible \
		--of JSON --output-file $(or $(SBOM),sbom.cdx.json)

audit: .venv/supply/installed ## ask whether anything in the image has a known vulnerability; fails too where nobody answers
	@.venv/supply/bin/pip-audit --strict --require-hashes --disable-pip --requirement deploy/requirements.lock

pin-images: ## write the digests of today's images into docker-compose.yml and Dockerfile (needs docker and its registry)
	@$(PYTHON) deploy/pin_images.py

COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet

lock: $(STAMP) ## resolve requirements.lock (of a checkout) and deploy/requirements.lock (of the image) anew
	$(INSTALL) --require-hashes -r deploy/uv.lock
	$(COMPILE) --extra dev --extra machine --extra aws --output-file requirements.lock
	$(COMPILE) --extra aws --constraint requirements.lock --output-file deploy/requirements.lock
	$(subst pyproject.toml,--group supply,$(COMPILE)) --output-file deploy/supply.lock
	$(subst pyproject.toml,--group install,$(COMPILE)) --output-file deploy/uv.lock

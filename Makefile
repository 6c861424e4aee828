PYTHON ?= python3
BIN := .venv/bin
APT := apt-get install --quiet=2 --yes --no-install-recommends

.PHONY: help run check test lint coverage faults audit attack bench bench-browser load soak screenshots lock \
  browser postgres nginx node test-js lint-js clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/run ## serve the app on http://127.0.0.1:8050 (PORT overrides)
	@$(BIN)/orderflow-dash serve

check: .venv/test ## run lint and the tests named by T, for example T=tests/feeds; needs no browser
	@test -n "$(T)" || { echo "Name the tests: make check T=tests/feeds"; exit 1; }
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest $(T) --numprocesses=2

# Tests that measure time or race an accelerated market run last: browsers would take the processor from them.
CLOCKED := tests/faults tests/clients tests/feeds tests/test_commands.py tests/replay tests/server/test_shutdown.py
# They wait for most of their time, so three run at once, the longest first.
test: .venv/test browser postgres nginx lint test-js ## run every check and test, browser tests included
	$(BIN)/pytest --numprocesses=2 --dist=worksteal $(CLOCKED:%=--ignore=%)
	$(BIN)/pytest --numprocesses=3 --dist=worksteal $(CLOCKED)

lint: .venv/test lint-js ## check style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Skipped where Node cannot be installed; the app itself needs none.
lint-js test-js: node
	@if ! command -v npm >/dev/null; then echo "$@ is skipped: Node is not installed."; exit 0; fi; \
	$(MAKE) --no-print-directory .node || { echo "$@ is skipped: npm cannot install its packages."; exit 0; }; \
	npm run --silent $(@:%-js=%)

# Not part of `make test`: tracing halves the speed.
coverage: .venv/test ## measure branch coverage of the core, without the browser
	$(BIN)/pytest tests/exchanges tests/feeds tests/footprint tests/live tests/test_market.py \
	  tests/test_wire.py tests/faults/test_history.py --cov=orderflow_dash.exchanges --cov=orderflow_dash.feeds \
	  --cov=orderflow_dash.footprint --cov=orderflow_dash.live.hub --cov-report=term:skip-covered --cov-fail-under=90

faults: .venv/test ## break a simulated exchange for ten minutes, kill the app, and report every minute
	$(BIN)/pytest tests/faults -m long -s

audit: .venv/test browser ## check contrast, names, focus and clipping of every page, in both themes and widths
	$(BIN)/pytest tests/browser -m long

attack: .venv/test ## send ten thousand hostile queries to every route
	$(BIN)/pytest tests/web/http/test_attack.py -m long --numprocesses=2

bench: .venv/run ## measure the core beside a plain baseline
	$(BIN)/python -m benchmarks

# MINUTES is how long the heap is watched.
MINUTES ?= 1
bench-browser: .venv/test browser ## measure page load, panels, redraws and heap in a headless Chromium
	$(BIN)/python -m benchmarks.panel_page
	$(BIN)/python -m benchmarks.footprint_chart --minutes $(MINUTES)

load: .venv/run ## measure a team's load on one process
	$(BIN)/python -m benchmarks.load

soak: MINUTES = 30
soak: .venv/run ## run an accelerated market for MINUTES (30) with clients that come and go
	$(BIN)/python -m benchmarks.soak $(MINUTES)

screenshots: .venv/test browser ## take the pictures of the README
	$(BIN)/python docs/screenshots.py

lock: .venv/test ## pin the newest versions that pyproject.toml allows
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --extra test --override overrides.txt -c requirements.txt \
	  pyproject.toml -o requirements-test.txt

browser: ## install Chromium and its driver, or name the packages
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update --quiet=2 && apt-get install --quiet=2 --yes chromium chromium-driver >/dev/null; \
	else \
	  echo "The browser tests need Chromium and its driver. On Debian: apt-get install chromium chromium-driver"; \
	  exit 1; \
	fi

postgres: ## install PostgreSQL for the store's tests, which skip without it
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive $(APT) postgresql >/dev/null; \
	else \
	  echo "The store's tests run on SQLite only. For PostgreSQL, on Debian: apt-get install postgresql"; \
	fi

nginx: ## install nginx for the tests of docs/deploy.md, which skip without it
	@if [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive $(APT) nginx openssl >/dev/null; \
	else \
	  echo "The nginx recipe is not tested. For that, on Debian: apt-get install nginx openssl"; \
	fi

node: ## install Node for the checks of assets/js, which skip without it
	@if command -v node >/dev/null && command -v npm >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive $(APT) nodejs npm >/dev/null || true; \
	else \
	  echo "The scripts in assets/ are not checked. For that, on Debian: apt-get install nodejs npm"; \
	fi

clean: ## remove the environment and all caches
	rm -rf .node node_modules .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "orderflow_dash needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "The venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }

# The lock files are complete: exactly their versions are installed, without resolving.
.venv/run: requirements.txt pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/test: requirements-test.txt .venv/run
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-test.txt
	@touch $@

# Exactly the packages of package-lock.json.
.node: package.json package-lock.json
	npm ci --silent --no-audit --no-fund
	@touch $@

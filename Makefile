PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-js lint lint-js coverage faults audit attack bench bench-browser load soak screenshots lock browser \
  postgres nginx node clean

# The app on http://127.0.0.1:8050 (PORT overrides), from a bare clone.
run: .venv/run
	@$(BIN)/orderflow-dash serve

# Every check and every test, browser tests included, from a bare clone.
# Two at a time, for most tests wait for sockets, clocks and pages; those that measure time or race an accelerated
# market wait most of all, and come after the browsers, which would take the processor from them.
CLOCKED := tests/clients tests/faults tests/feeds tests/test_commands.py tests/replay/test_replay.py tests/server/test_shutdown.py
TWO := --numprocesses=2 --dist=worksteal
test: .venv/test browser postgres nginx lint test-js
	$(BIN)/pytest $(TWO) $(CLOCKED:%=--ignore=%)
	$(BIN)/pytest $(TWO) $(CLOCKED)

# Branch coverage of the core, without the browser: tracing halves the speed, so it is no part of `make test`.
coverage: .venv/test
	$(BIN)/pytest tests/exchanges tests/feeds tests/footprint tests/live/test_hub.py tests/test_market.py \
	  tests/test_wire.py tests/faults/test_history.py --cov=orderflow_dash.exchanges --cov=orderflow_dash.feeds \
	  --cov=orderflow_dash.footprint --cov=orderflow_dash.live.hub --cov-report=term:skip-covered --cov-fail-under=90

# The fault runs in their long form: twenty faults of every kind in ten minutes, with a report at the end.
faults: .venv/test
	$(BIN)/pytest tests/faults -m long -s

# Contrast, names, focus and what might be cut, of every page in both themes and widths.
audit: .venv/test browser
	$(BIN)/pytest tests/browser -m long

# Ten thousand hostile queries on every route, without access, with a token, and where everybody may come in.
attack: .venv/test
	$(BIN)/pytest tests/web/http/test_attack.py -m long --numprocesses=2

lint: .venv/test lint-js
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Without Node both say that they are skipped; the app itself needs none.
lint-js test-js: node
	@if ! command -v npm >/dev/null; then echo "$@ is skipped: Node is not installed."; exit 0; fi; \
	$(MAKE) --no-print-directory .node && npm run --silent $(@:%-js=%)

bench: .venv/run
	$(BIN)/python -m benchmarks

# A team's load on one process, and half an hour of an accelerated market with clients that come and go.
load: .venv/run
	$(BIN)/python -m benchmarks.load

soak: MINUTES = 30
soak: .venv/run
	$(BIN)/python -m benchmarks.soak $(MINUTES)

# Redraws and heap of the footprint chart in a headless Chromium; MINUTES is how long the heap is watched.
MINUTES ?= 1
bench-browser: .venv/test browser
	$(BIN)/python -m benchmarks.panel_page
	$(BIN)/python -m benchmarks.footprint_chart --minutes $(MINUTES)

# The pictures of the README, of the app as it is.
screenshots: .venv/test browser
	$(BIN)/python docs/screenshots.py

# Pins everything again, to the newest that pyproject.toml allows.
lock: .venv/test
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --extra test --override overrides.txt -c requirements.txt \
	  pyproject.toml -o requirements-test.txt

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "orderflow_dash needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "The venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }

# The lock files are complete, so nothing is resolved: exactly what is written there is installed.
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

browser:
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update --quiet=2 && apt-get install --quiet=2 --yes chromium chromium-driver >/dev/null; \
	else \
	  echo "The browser tests need Chromium and its driver. On Debian: apt-get install chromium chromium-driver"; \
	  exit 1; \
	fi

# The store's tests run against a real server as well; where none can be installed they say so and are skipped.
postgres:
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive \
	  apt-get install --quiet=2 --yes --no-install-recommends postgresql >/dev/null; \
	else \
	  echo "The store's tests run on SQLite alone. For PostgreSQL, on Debian: apt-get install postgresql"; \
	fi

# The recipe of docs/deploy.md is tested in a real nginx; where none can be installed the tests say so and are skipped.
nginx:
	@if [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive \
	  apt-get install --quiet=2 --yes --no-install-recommends nginx openssl >/dev/null; \
	else \
	  echo "The proxy's recipe is not tested. For that, on Debian: apt-get install nginx openssl"; \
	fi

# The scripts in assets/ are checked and tested in Node; without it these checks are skipped.
node:
	@if command -v node >/dev/null && command -v npm >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive \
	  apt-get install --quiet=2 --yes --no-install-recommends nodejs npm >/dev/null || true; \
	else \
	  echo "The scripts of the page are not checked. For that, on Debian: apt-get install nodejs npm"; \
	fi

clean:
	rm -rf .node node_modules .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

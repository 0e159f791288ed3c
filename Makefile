# Everything runs in .venv, filled from the locks; uv is used from PATH or brought along in .tools.
.DEFAULT_GOAL := help
.PHONY: help demo dev test browser check bench lock clean

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
TOOLS := $(VENV)/.tools-installed
PACKAGES := agents api connectors evals rag visto workflows
WORKERS ?= 2
ARGS ?=

export VIRTUAL_ENV := $(CURDIR)/$(VENV)
unexport PYTHONPATH PYTHONHOME

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Show the whole product on this machine (ARGS=--unattended plays the reviewer too)
	@$(BIN)/python -m visto demo $(ARGS)

dev: $(RUNTIME) ## Run everything on this machine: Temporal, Chroma, API and worker
	@$(BIN)/python -m visto dev $(ARGS)

test: $(TOOLS) browser ## Run the tests (ARGS="tests/visto -k launcher" runs some)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not bench" $(ARGS)

browser: ## Bring Chromium for the browser tests, if it is missing and this machine's packages have it
	@command -v chromium google-chrome >/dev/null || test -n "$$VISTO_CHROMIUM" || { \
	  echo "Chromium is missing; the browser tests need it."; \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	    && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; } \
	  || echo "Install it (Debian: apt install chromium), or name one in VISTO_CHROMIUM; until then the browser tests fail and say so."

check: $(TOOLS) ## Lint, formatting, types, import directions, architecture tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q tests/architecture

bench: $(TOOLS) ## Measure, and write what docs/performance.md shows
	$(BIN)/python -m pytest -m bench -s $(ARGS)

LOCK := pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-annotate --no-header --quiet

lock: | $(UV) ## Resolve the locks anew (ARGS=--upgrade takes newer versions)
	$(UV) $(LOCK) $(ARGS) pyproject.toml requirements.in -o requirements.lock
	$(UV) $(LOCK) $(ARGS) pyproject.toml requirements.in --group dev -c requirements.lock -o requirements-dev.lock

clean: ## Remove what was installed here (local state in .visto stays)
	rm -rf $(VENV) .tools dist .mypy_cache .ruff_cache .pytest_cache

.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(BIN)/python: | $(UV)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Visto needs Python 3.11 or newer; set PYTHON=python3.x")'
	$(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)

# The editable install takes the versions of the lock: no dependency is looked up, nothing is downloaded to build it.
INSTALL_SELF := $(UV) pip install --quiet --no-deps --no-build-isolation --offline --editable .

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Visto needs into $(VENV) (about 600 MB once) ..."
	@rm -f $(TOOLS)
	$(UV) pip sync --quiet --require-hashes requirements.lock
	$(INSTALL_SELF)
	@touch $@

$(TOOLS): requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Visto and its tests need into $(VENV) ..."
	$(UV) pip sync --quiet --require-hashes requirements-dev.lock
	$(INSTALL_SELF)
	@touch $(RUNTIME) $@

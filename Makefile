# `make run FILE=...` translates a file, `make test` runs every check. Both first set up .venv, once:
# the stamp depends on what is installed, so a second call starts at once.

FILE ?= data/samples/jacobi2d.c
VENV ?= .venv
BIN := $(VENV)/bin
# tree-sitter 0.22 has ready-made wheels up to Python 3.12; newer versions build it from source.
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run test lint doctor bench clean

run: $(VENV)/.core sandbox
	$(BIN)/translate $(FILE) $(ARGS)

test: lint browser
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.dev sandbox
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

doctor: $(VENV)/.core
	$(BIN)/musl doctor

bench: $(VENV)/.core sandbox
	$(BIN)/python scripts/bench_translate.py

$(VENV)/.venv:
	@test -n "$(PYTHON)" || { echo "MuSL needs Python 3.11 or newer (apt-get install python3 python3-venv)"; exit 1; }
	@command -v g++ >/dev/null || { echo "MuSL needs g++ (apt-get install g++)"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) -m venv failed (apt-get install python3-venv)"; exit 1; }
	@touch $@

# hatchling comes first and build isolation is off, so that the build's packages are pinned as well.
$(VENV)/.core: $(VENV)/.venv pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt hatchling editables
	$(PIP) install -c constraints.txt --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

# Code under test runs in bubblewrap. Root can install it; everybody else is told its name.
.PHONY: sandbox
sandbox:
	@command -v bwrap >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq bubblewrap; } >&2 \
	      || echo "could not install bubblewrap" >&2; \
	  else \
	    echo "bubblewrap is missing; ask an administrator for: apt-get install bubblewrap" >&2; \
	  fi; }

# The report is opened in Chromium by the tests, which skip those checks where it cannot be had.
.PHONY: browser
browser:
	@{ command -v chromium && command -v chromedriver; } >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver; } >&2 \
	      || echo "could not install chromium" >&2; \
	  else \
	    echo "chromium is missing; ask an administrator for: apt-get install chromium chromium-driver" >&2; \
	  fi; }

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache build dist

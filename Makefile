# Each target sets up what it needs; the second time is quick.
#
#   make demo     images from eight sentences, and a page to look at
#   make test     the tests            make check   lint, types, import directions
#   make docs     docs/commands/*.md   make bench   the scripts behind the figures
#   make setup    only the environment make clean   remove everything built here
#
# PYTHON=python3.12       the interpreter the environment is made from (3.11 or newer)
# VENV=.venv              where the environment lies
# TORCH_INDEX=ADDRESS     take torch from another package index, such as the one PyTorch publishes
#                         for machines without a GPU: on Linux it saves several gigabytes
# PIP_EXTRA='--proxy ...' anything else for pip
# ARGS='-k info'          anything else for pytest (make test) or sarloom demo (make demo)

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
PIP_EXTRA ?=
ARGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.sarloom-ready
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_EXTRA)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check docs bench clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -n 13

setup: $(STAMP)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "sarloom needs Python 3.11 or newer; '$(PYTHON)' is" \
	       "$$($(PYTHON) --version 2>/dev/null || echo 'not there')." \
	       "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# keyed on what decides the environment: a second make finds the stamp newer and does nothing
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) (a few minutes the first time)"
	@$(if $(TORCH_INDEX),$(PIP) -c constraints.txt --index-url $(TORCH_INDEX) torch)
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)
	$(BIN)/sarloom demo --out out/demo $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)
	$(BIN)/python -m sarloom.cli.docs docs/commands

bench: $(STAMP)
	@for script in benchmarks/*.py; do \
	  echo "== $$script"; $(BIN)/python "$$script"; code=$$?; \
	  if [ $$code = 2 ]; then echo "   it needs arguments: see its first lines"; \
	  elif [ $$code != 0 ]; then exit $$code; fi; done

clean:
	rm -rf $(VENV) build dist out runs .pytest_cache .mypy_cache .ruff_cache .hypothesis \
	  .import_linter_cache
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

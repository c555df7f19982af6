# `make run` opens the assistant, `make test` runs every test; README.md has the rest. For GNU make 3.81 and later.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
APP := .venv/.app-installed
DEV := .venv/.dev-installed
NO_EMBEDDER := .venv/.embedder-failed

# A .venv whose Python is gone, as after an upgrade of it, counts as none, with all that was installed there.
$(shell test -x $(BIN)/python || rm -f $(APP) $(DEV) $(NO_EMBEDDER))

.PHONY: help run test check wheel embedder clean

help:
	@echo "make run       open the assistant (installs it first)"
	@echo "make test      run every test (installs what training and development need first)"
	@echo "make check     the quick checks: ruff, mypy, architecture, fast tests"
	@echo "make wheel     build dist/*.whl, the models in it"
	@echo "make embedder  set up search by meaning, if the network was away when it was to be"
	@echo "make clean     remove .venv and what was built; memories and compiled wheels stay"
	@echo "Options: PYTHON=python3.12, LLAMA_WHEEL=path-or-address of a prebuilt llama-cpp-python"

run: $(APP)
	@test -e $(NO_EMBEDDER) || $(BIN)/python -m assistant.llm.embedder || touch $(NO_EMBEDDER)
	@exec $(BIN)/recollect

test: $(DEV)
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal

wheel: $(APP)
	@rm -rf dist
	@$(PIP) wheel --no-deps --wheel-dir dist .
	@ls dist/*.whl

embedder: $(APP)
	@rm -f $(NO_EMBEDDER)
	@$(BIN)/python -m assistant.llm.embedder

clean:
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
	    echo "recollect: There is no $(PYTHON) here. Name a Python of 3.11 or later: make PYTHON=python3.12 run" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "recollect: Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
	    "Name another: make PYTHON=python3.12 run" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; \
	    echo "recollect: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu that takes the package" \
	    "python3-venv." >&2; exit 1; }

# Only what an install depends on makes it stale: the checkout itself is what is imported.
$(APP): pyproject.toml constraints.txt .ci/llama_wheel.py .ci/llama.cmake | $(BIN)/python
	@echo "Installing the app in .venv …" >&2
	@wheel=$$($(BIN)/python .ci/llama_wheel.py) && $(PIP) install --constraint constraints.txt "$$wheel" --editable .
	@touch $@

# torch first and by itself: resolved together with what needs it, pip may take another build.
$(DEV): $(APP)
	@echo "Installing what training and development need in .venv …" >&2
	@$(PIP) install "$$(grep '^torch==' constraints.txt)"
	@$(PIP) install --constraint constraints.txt --editable '.[train,dev]'
	@touch $@

# make test    set up and run every test whose back-end answers       make check   format, lint, types, fast tests (< 60 s)
# make demo    set up and show a deployment, a failure, a rollback    make crash   kill real processes at every recorded instant
# make bench   ratios against raw commands and raw sqlite3            make lock    renew requirements/ from pyproject.toml
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto

.PHONY: check format lint types unit test crash bench demo docs lock wheel clean

check: format lint types unit

format: $(VENV)/dev
	$(BIN)/ruff format --check .

lint: $(VENV)/dev
	$(BIN)/ruff check .

types: $(VENV)/dev
	$(BIN)/mypy

unit: $(VENV)/dev
	$(BIN)/pytest -n $(JOBS) -m "not docker and not e2e and not crash" tests/unit tests/contract tests/architecture tests/docs tests/stateful

test: $(VENV)/dev
	$(BIN)/pytest -n $(JOBS) -m "not crash"

crash: $(VENV)/dev
	$(BIN)/pytest -n $(JOBS) -m crash tests/crash

bench: $(VENV)/dev
	$(BIN)/python -m benchmarks

demo: $(VENV)/run
	$(BIN)/python examples/demo.py

docs: $(VENV)/dev
	$(BIN)/python -m orchestrator.rendering.schemas --write docs/schemas
	$(BIN)/python -m orchestrator.rendering.lifecycle_doc --write docs/lifecycle.md

wheel: $(VENV)/dev
	$(BIN)/python -m hatchling build -t wheel

lock: $(VENV)/dev
	PYTHON=$(BIN)/python requirements/lock.sh

$(VENV)/run: requirements/runtime.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

$(VENV)/dev: $(VENV)/run requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

clean:
	rm -rf $(VENV) .demo dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

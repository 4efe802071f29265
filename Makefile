# make demo    set up and show a deployment, a failure, a rollback    make test    set up and run every test whose back-end answers
# make check   format, lint, types, fast tests (< 60 s)               make crash   kill real processes at every recorded instant
# make bench   ratios against raw commands and raw sqlite3            make docs    write the generated pages and schemas anew
# make wheel   build dist/pop_deploy-*.whl                            make lock    renew requirements/ from pyproject.toml
# make soak    deploy to many slots while processes are killed; SOAK="--store postgresql+psycopg://..." for another store
# make fuzz    100,000 hostile inputs: no traceback, no hang          make simulate  20,000 random histories with faults; FIRST=N
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
JOBS ?= auto
# Mostly waiting: more workers than cores.
TEST_JOBS ?= 6
CRASH_JOBS ?= 6

.PHONY: check format lint types unit test crash coverage soak fuzz simulate bench demo docs lock wheel clean

check: format lint types unit

format: $(VENV)/dev
	$(BIN)/ruff format --check .

lint: $(VENV)/dev
	$(BIN)/ruff check .

types: $(VENV)/dev
	$(BIN)/mypy

unit: $(VENV)/dev
	POP_DEPLOY_QUICK=1 $(BIN)/pytest -n $(JOBS) -m "not docker and not kubernetes and not swarm and not prometheus and not postgres and not e2e and not crash and not simulation" tests/unit tests/contract tests/architecture tests/docs tests/stateful tests/simulation

test: $(VENV)/dev
	$(BIN)/pytest -n $(TEST_JOBS) --dist worksteal -m "not crash"

crash: $(VENV)/dev
	$(BIN)/pytest -n $(CRASH_JOBS) --dist worksteal -m crash tests/crash

coverage: $(VENV)/dev
	$(BIN)/coverage run -m pytest -p no:xdist tests/unit/orchestrator/domain tests/unit/orchestrator/services tests/unit/eventstore \
	  tests/contract/test_event_stores.py tests/stateful
	$(BIN)/coverage report --include='orchestrator/domain/*,eventstore/*' --fail-under=90

fuzz: $(VENV)/dev
	$(BIN)/python -m tests.fuzz --inputs 100000

simulate: $(VENV)/dev
	POP_DEPLOY_SIMULATION_HISTORIES=20000 POP_DEPLOY_SIMULATION_FIRST=$(or $(FIRST),0) $(BIN)/pytest -n $(JOBS) tests/simulation

soak: $(VENV)/dev
	$(BIN)/python -m tests.soak $(SOAK)

bench: $(VENV)/dev
	$(BIN)/python -m benchmarks

demo: $(VENV)/run
	$(BIN)/python examples/demo.py

docs: $(VENV)/dev
	$(BIN)/python scripts/write_schema.py
	$(BIN)/python -m orchestrator.rendering.schemas --write docs/schemas
	$(BIN)/python -m orchestrator.rendering.lifecycle_doc --write docs/lifecycle.md
	$(BIN)/python -m tests.docs.write_commands
	$(BIN)/python -m tests.docs.write_fields

wheel: $(VENV)/dev
	$(BIN)/python -m hatchling build -t wheel

lock: $(VENV)/dev
	PYTHON=$(BIN)/python requirements/lock.sh

# A virtual environment that was left half made (no pip) is made anew.
$(VENV)/run: requirements/runtime.txt requirements/build.txt pyproject.toml
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	$(PIP) --no-build-isolation --no-deps --editable .
	touch $@

$(VENV)/dev: $(VENV)/run requirements/dev.txt
	$(PIP) --require-hashes -r requirements/dev.txt
	touch $@

clean:
	rm -rf $(VENV) .demo dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

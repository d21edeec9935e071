# Two commands matter: `make demo` runs the main job, `make test` passes all tests.
# Each makes its own environment in .venv first.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Tests wait much, for servers and for time to pass: three processes keep two cores at work. A file stays in one of them.
WORKERS ?= 3
SHARED := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: demo demo-langchain demo-celery test test-live test-nightly live-servers check up up-live demo-live format clean

demo: $(INSTALLED)
	$(BIN)/python examples/demo.py

# An agent of LangGraph; and one trace over a web request, that agent and Celery workers.
demo-langchain: $(INSTALLED)
	$(BIN)/python examples/langchain_agent.py

demo-celery: $(INSTALLED)
	PYTHONPATH=.:examples $(BIN)/python -m celery_pipeline

test: $(INSTALLED)
	$(BIN)/python -m pytest $(SHARED)

# What talks to Apache Kafka and MinIO themselves; Java with Maven, and Go, fetch them once.
test-live: live-servers
	XRAY_LIVE=1 $(BIN)/python -m pytest -m live $(SHARED)

live-servers: $(INSTALLED)
	$(BIN)/python -m tests.servers.fetched

# The tests that chance decides, at the length that a night has room for; each failure tells what repeats it.
test-nightly: live-servers
	XRAY_ORACLE_CASES=100000 XRAY_PATTERN_CASES=100000 $(BIN)/python -m pytest tests/backend/query
	XRAY_CRASH_KILLS=500 $(BIN)/python -m pytest tests/crash
	XRAY_DELETION_KILLS=100 $(BIN)/python -m pytest tests/backend/process/test_deletion.py --timeout 7200
	XRAY_DELETION_ROUNDS=2000 XRAY_MONGODB_EXAMPLES=5000 $(BIN)/python -m pytest tests/backend/store/mongodb --timeout 7200
	XRAY_COMMAND_KILLS=100 $(BIN)/python -m pytest tests/backend/process/test_commands_killed.py --timeout 7200
	XRAY_SERVER_KILLS=100 XRAY_DOCUMENT_EXAMPLES=2000 $(BIN)/python -m pytest tests/server_faults
	XRAY_SCHEMA_EXAMPLES=5000 $(BIN)/python -m pytest tests/contract/test_schemas.py --timeout 3600
	XRAY_ACCESS_CALLS=100000 $(BIN)/python -m pytest tests/access --timeout 3600
	XRAY_LIVE=1 XRAY_CHAOS_FAULTS=100 $(BIN)/python -m pytest -m live tests/live/chaos

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg --no-cache

up: $(INSTALLED)
	$(BIN)/xray-backend up --port 3000

# The distributed server as processes of this machine: until Ctrl-C, or for as long as the demo takes.
up-live: live-servers
	PYTHONPATH=. $(BIN)/python examples/live.py

demo-live: live-servers
	PYTHONPATH=. $(BIN)/python examples/live.py --demo

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[backend,cluster,dev]'
	@touch $@

clean:
	rm -rf $(VENV) .servers build dist *.egg-info .mypy_cache .ruff_cache .hypothesis

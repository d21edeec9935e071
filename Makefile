# Two commands matter: `make demo` runs the main job, `make test` passes all tests.
# Each makes its own environment in .venv first.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-nightly check up format clean

demo: $(INSTALLED)
	$(BIN)/python examples/demo.py

test: $(INSTALLED)
	$(BIN)/python -m pytest

# The crash tests with as many kills as a night has room for; each failure names the seed that repeats it.
test-nightly: $(INSTALLED)
	XRAY_CRASH_KILLS=500 $(BIN)/python -m pytest tests/crash
	XRAY_ACCESS_CALLS=100000 $(BIN)/python -m pytest tests/access --timeout 3600

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg --no-cache

up: $(INSTALLED)
	$(BIN)/xray-backend up --port 3000

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[backend,dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis

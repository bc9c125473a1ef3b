# Two commands: `make run` shows the product at work, `make test` checks it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export XITE_HOME ?= $(CURDIR)/data

.PHONY: run test setup format lint types contracts clean label-studio-check annotation-formats-check

run: setup            ## build the demo bundle, serve it, augment Korean, Arabic, Urdu and Hindi (ONESHOT=1 ends then)
	$(BIN)/xite demo $(if $(filter 1,$(ONESHOT)),--oneshot)

test: setup lint types contracts  ## all checks and tests
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

label-studio-check: setup  ## the real Label Studio, in its own environment, against the service; pictures of its pages
	mkdir -p build/label-studio
	$(BIN)/python -m tests.integration.label_studio.check build/label-studio

annotation-formats-check: setup  ## what is made for Argilla and doccano, read by their own packages
	$(BIN)/python -m tests.integration.annotation_formats.check

clean:
	rm -rf $(VENV) data .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

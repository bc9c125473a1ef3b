# Two commands: `make run` shows the product at work, `make test` checks it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export XITE_HOME ?= $(CURDIR)/data

.PHONY: run test setup format lint types contracts load soak chaos fuzz fuzz-interface audit sbom image-check clean label-studio-check annotation-formats-check

run: setup            ## build the demo bundle, serve it, augment Korean, Arabic, Urdu and Hindi (ONESHOT=1 ends then)
	$(BIN)/xite demo $(if $(filter 1,$(ONESHOT)),--oneshot)

test: setup lint types contracts  ## all checks and tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

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

load: setup           ## capacity, then ten minutes at twice of it; the figures are in docs/reliability.md
	$(BIN)/python -m benchmarks.load overload --home $(XITE_HOME) --out load.json

soak: setup           ## MINUTES (60) of texts that never come twice, with the memory after each minute
	$(BIN)/python -m benchmarks.load soak --minutes $(or $(MINUTES),60) --home $(XITE_HOME) --out soak.json

chaos: setup          ## kill processes at random while jobs are at work; KILLS=200, SEED=1; report in build/chaos
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos --kills $(or $(KILLS),200) --seed $(or $(SEED),1)

fuzz: setup           ## ten minutes of coverage-guided fuzzing for each parser (FUZZ_SECONDS=600)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	set -e; for target in json request jsonl csv parquet configuration headers; do \
		OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.run $$target $(or $(FUZZ_SECONDS),600); done

fuzz-interface: setup ## schemathesis with many cases of every call
	XITE_TEST_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/python -m pytest tests/contract/interface

audit: setup          ## known vulnerabilities of the locked packages; asks the package index
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r requirements.lock

sbom: setup           ## bill of materials, with the embedded Redis
	$(BIN)/python -m deploy.sbom dist/sbom.json

image-check:          ## the steps of the Dockerfile in a clean root file system, without a Docker engine (root, debootstrap)
	python3 deploy/check_image.py

clean:
	rm -rf $(VENV) data .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

RESULTS := results-sentiment results-wider results-mixed results-nli results-topic

.PHONY: results $(RESULTS)

results: $(RESULTS)   ## all tables of docs/results; TASKS=DIR holds sentiment/, nli/, topic/

$(RESULTS): results-%: setup
	$(BIN)/python -m benchmarks.results $* --tasks $(TASKS) --work data/results

# Two commands are enough: make run, make test. Set-up happens once, and again when it changes.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
READY := $(VENV)/.installed

.PHONY: install run test fuzz soak soak-cluster lint format demo screenshots clean

install: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "person-count needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python packaging/install.py
	touch $(READY)

run: $(READY)
	$(BIN)/person-count migrate
	exec $(BIN)/person-count serve

# two runs, as in production: the service never runs where the models are loaded. A core takes a whole
# file of tests at a time, which share what they have started; more than four cores gain little. A slow test is
# a bug, so the slowest are named.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 15
test: $(READY)
	$(BIN)/python -m pytest $(PARALLEL) -m "not models"
	$(BIN)/python -m pytest $(PARALLEL) -m models

# other damaged images each time, many more than the tests have: takes ten minutes or so
fuzz: $(READY)
	PERSON_COUNT_FUZZ=2000 $(BIN)/python -m pytest tests/ingest/decoding/test_damage.py

# kills the service at random for as long as you let it; Ctrl-C ends it with the summary
ROUNDS ?= 1000
SEED ?= 0
soak: $(READY)
	$(BIN)/python -m tests.crash.soak --rounds $(ROUNDS) --seed $(SEED)

# the same for a library in PostgreSQL: kills workers and stops the server; then asks two services the same
# questions during ingest and re-indexes. Needs PostgreSQL
KILLS ?= 1000
STOPS ?= 20
QUESTIONS ?= 10000
soak-cluster: $(READY)
	$(BIN)/python -m tests.crash.cluster_soak --kills $(KILLS) --stops $(STOPS) --seed $(SEED)
	$(BIN)/python -m tests.crash.two_services --questions $(QUESTIONS) --seed $(SEED)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/python .ci/audit.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# STAY=1: goes on after its question, so that you can look at the page
demo: $(READY)
	$(BIN)/python -m demo $(if $(STAY),--stay)

# the pictures of the page in README.md and README.zh-CN.md; needs chromium
screenshots: $(READY)
	$(BIN)/python -m demo.screenshots

clean:
	rm -rf $(VENV) *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

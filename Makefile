# Needs Python >= 3.11 and make, nothing else. Everything is installed into .venv from requirements.lock, by version and hash.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help run test check lab bench accuracy wheel lock

help:  ## what can be made
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found. Install one, or say which: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q parsers dashboard  # else each start compiles them where Python may not write beside them
	@touch $(READY)

run: $(READY)  ## the dashboard on the sample logs, http://127.0.0.1:8501
	$(BIN)/triage demo

test: $(READY)  ## every test
	$(BIN)/python -m pytest

check: $(READY)  ## types, lint and format
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

lab: $(READY)  ## run the real migration tools against PostgreSQL and record what they print into tests/lab/
	$(BIN)/python -m tests.lab
	$(BIN)/python -m tests.lab.validation

bench: $(READY)  ## speed and memory, side by side; tests/benchmarks/README.md explains
	$(BIN)/python -m tests.benchmarks.run

accuracy: $(READY)  ## precision and recall on labelled lines, per system
	$(BIN)/python -m tests.accuracy

wheel: $(READY)  ## dist/*.whl
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

lock:  ## write requirements.lock anew (needs uv: pip install uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --all-extras --upgrade \
		--python-version 3.11 pyproject.toml --output-file requirements.lock

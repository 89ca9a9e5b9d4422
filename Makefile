# Short forms of commands that can also be typed directly.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all docs lint perf fuzz chaos clean

# The environment: exactly the versions of the lock file. Python compiles a module when it is first imported: to compile
# all of them here takes longer than their installation.
.venv: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch .venv

# Run a real small matrix on two CPU cores, then the report.
demo: .venv
	PATH="$(CURDIR)/$(BIN):$$PATH" MIXTUNE_DEVICE=cpu snakemake --profile profiles/demo

# Run all tests that need only the repository, except the slow ones.
test: .venv
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest --numprocesses 2

# Also run the slow tests: a real Slurm, Chromium, real weights from the package index, kills at random moments.
test-all: test
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest --numprocesses 2 -m "browser or chaos or cluster or network"

# Build the documentation into site/; a warning is an error.
docs: .venv
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html in a browser."

# Check format, types, import order and conventions of the code and of the rules.
lint: .venv
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/basedpyright && $(BIN)/lint-imports --no-logo
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint

# Measure speed, as ratios to a baseline of the same run.
perf: .venv
	$(BIN)/python -m perf

# Test each reader on ten thousand malformed records: each is rejected with its location, or read without loss.
fuzz: .venv
	$(BIN)/python -m tests.fuzz

# Kill (-9) jobs and Snakemake fifty times at random moments: resumed runs give the same results.
chaos: .venv
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest -s tests/workflow/test_chaos.py --kills 50

# Remove generated files. Keeps .venv, fetched models, and paid answers.
clean:
	rm -rf results/benchmarks results/mixtures results/rendered results/adapters results/predictions results/scores
	rm -rf results/encoders results/intervals results/exports results/runtimes reports logs scratch site

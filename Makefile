# A thin front: every command here can be typed without it.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all docs lint perf fuzz chaos clean

# The environment: exactly the versions of the lock file.
.venv: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch .venv

# A real small matrix on two CPU cores, then the report.
demo: .venv
	PATH="$(CURDIR)/$(BIN):$$PATH" MIXTUNE_DEVICE=cpu snakemake --profile profiles/demo
	@echo
	@echo "Open reports/index.html in a browser; reports/README.md has the table and where everything else is."
	@echo "reports/figures/matrix.png shows it; each number is a positive-class micro-F1."
	@echo "The data are small sample corpora: these scores say nothing about the benchmarks they imitate."

# Every test that needs nothing but the repository, and is not slow by nature.
test: .venv
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest --numprocesses 2

# Then those that are: a real Slurm, Chromium, real weights from the package index, kills at random moments.
test-all: test
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest --numprocesses 2 -m "browser or chaos or cluster or network"

# The documentation, as pages in site/: a warning is an error.
docs: .venv
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html in a browser."

# Form, types, import order and conventions of the code and of the rules.
lint: .venv
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/basedpyright && $(BIN)/lint-imports --no-logo
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint

# Speed, as ratios against a baseline measured in the same run.
perf: .venv
	$(BIN)/python -m perf

# Ten thousand broken records for every reader: each is refused with its place, or read without a loss.
fuzz: .venv
	$(BIN)/python -m tests.fuzz

# Fifty kills -9 at random moments of jobs and of Snakemake: what goes on again ends as if undisturbed.
chaos: .venv
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest -s tests/workflow/test_chaos.py --kills 50

# What can be made again. Keeps .venv, fetched models, and answers that were paid for.
clean:
	rm -rf results/benchmarks results/mixtures results/rendered results/adapters results/predictions results/scores
	rm -rf results/encoders results/intervals results/exports results/runtimes reports logs scratch site

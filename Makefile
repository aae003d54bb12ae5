# make stages            build the demo corpus (CONFIG=… another one, ARGS=… for `sluice run`)
# make recall            recall alone, with other seeds or settings: no page is extracted again
# make ablate            train small models on what rules alone keep of RUN, and on its corpus
# make test              the quick tests, on every core (JOBS=… as many; sets up torch, too)
# make test-faults       the long ones that kill workers, truncate files and fill disks
# make lint              ruff and mypy
# make bench             Sluice and its peers on the same bytes

PYTHON ?= python3
VENV ?= .venv
CONFIG ?= configs/demo.toml
RUN ?= runs/$(basename $(notdir $(CONFIG)))
ARGS ?=
JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)

BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := configs/demo.toml
LARGE := recall_scale archives language_splits web_chain dedup_labelled quality_ngrams
BENCHMARKS := $(filter-out $(LARGE:%=benchmarks/%.py),$(wildcard benchmarks/*.py))
TORCH := $(shell sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
TORCH_READY := $(VENV)/.ready-$(TORCH)

# The set-up compiles no bytecode; what is imported is compiled then, and kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help stages recall ablate test test-faults lint bench
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p;/^$$/q' Makefile

$(READY): requirements.lock pyproject.toml
	@echo "set-up: a virtual environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Sluice needs Python 3.11 to 3.13; $(PYTHON) is %d.%d (make PYTHON=…)" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python demo/install.py $(VENV) --require-hashes -r requirements.lock
	@$(BIN)/python demo/install.py $(VENV) --no-deps --no-build-isolation -e .
	@touch $@

$(TORCH_READY): $(READY) requirements-dev.lock
	@echo "set-up: what tests and ablations need, and $(TORCH)"
	@$(BIN)/python demo/install.py $(VENV) --require-hashes -r requirements-dev.lock
	@$(BIN)/python demo/install.py $(VENV) $(TORCH)
	@touch $@

stages: $(READY)
ifeq ($(CONFIG),$(DEMO))
	@$(BIN)/python -m demo inputs/demo
endif
	@$(BIN)/sluice run $(CONFIG) $(ARGS)

recall: $(READY)
	@$(BIN)/sluice run $(CONFIG) --stage web.recall $(ARGS)

ablate: $(TORCH_READY)
	@$(BIN)/sluice ablate run $(RUN) $(ARGS)

# A file's tests share what they are given, so a file is one process's; in the order of the tree.
test: $(TORCH_READY)
	@$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test-faults: $(TORCH_READY)
	@$(BIN)/python -m pytest -m faults

lint: $(TORCH_READY)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy

bench: $(TORCH_READY)
	@for benchmark in $(BENCHMARKS); do echo "== $$benchmark"; $(BIN)/python $$benchmark || exit 1; done

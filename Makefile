# Every task by name; `make help` lists them.
# Variables: PYTHON (which interpreter makes the environment), VENV (where it lies), JOBS,
# ASSIGNMENT (what `make class` grades).

PYTHON ?= python3
VENV ?= .venv
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
PORT ?= 8000
ASSIGNMENT ?= 03-rnn
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PY := $(VENV)/bin/python
RUNTUN := $(VENV)/bin/runtun
EXTRAS := keras,torch,nnx,words,book,grading,cluster,postgres,dev
STAMP := $(VENV)/.runtun-installed

# TensorFlow's start-up notes are for its developers; one thread a process is what two cores like best.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export TF_ENABLE_ONEDNN_OPTS ?= 0
# nbgrader calls `alembic` and `jupyter` by name.
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: help install course site pdf exercises class test lint format results benchmarks site-audit serve constraints clean

help:  ## list the tasks
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## make the virtual environment and install everything

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11 to 3.13 is needed; %s is Python %d.%d. Name another: make $(MAKECMDGOALS) PYTHON=python3.12" % (sys.executable, *v))'
	@echo "[install] into $(VENV) with $$($(PYTHON) --version)"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]" \
		| sed -u '/^Requirement already satisfied/d'
	@touch $@

course: install  ## build the course: site in both languages, exercises, a graded sample class
	@start=$$(date +%s); \
	$(MAKE) exercises && $(MAKE) site && $(MAKE) class && \
	$(PY) tools/summary.py --seconds $$(( $$(date +%s) - start ))

site: install  ## build the site into _build/html
	@$(PY) book/build.py

pdf: install  ## build the site with each language as one PDF (prints with Chromium)
	@$(PY) book/build.py --pdf

exercises: install  ## generate exercises/id and exercises/en from solutions/
	@$(RUNTUN) release --source solutions --release exercises

class: install  ## grade the sample class into _build/class; ASSIGNMENT=07-temporal-order, or all
	@$(PY) samples/make_class.py --into _build/class $(ASSIGNMENT)
	@for one in $(if $(filter all,$(ASSIGNMENT)),$(notdir $(wildcard solutions/[0-9]*)),$(ASSIGNMENT)); do \
		$(RUNTUN) grade _build/class $$one --jobs $(JOBS) || test $$? -eq 1; \
	done
	@$(PY) samples/make_class.py --compare _build/class $(ASSIGNMENT)

# Files in their own order, not those with most tests first: the slowest have few.
test: install  ## lint and run every test; RUNTUN_REQUIRE=all turns skips into failures
	@$(MAKE) lint
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: install  ## check style and format
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

format: install  ## mend style and format
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

results: install  ## run every experiment into results/ (hours; goes on where it was stopped)
	@$(RUNTUN) experiment --all

# Threads that wait actively take the processor from the rival whose turn it is. Keras on JAX as well,
# because the backend changes its times most; one process cannot have both.
benchmarks: install  ## measure speed and memory of the library into results/library_benchmarks.json
	@OMP_WAIT_POLICY=passive $(PY) -m pytest benchmarks --record
	@KERAS_BACKEND=jax $(PY) -m pytest benchmarks/test_training.py -k keras --record

site-audit: install  ## measure every page of the built site with Lighthouse into results/site.json
	@$(PY) -m tools.site_audit

serve: install  ## look at the course, rebuilt as you edit
	@$(PY) book/build.py --serve --port $(PORT)

constraints: install  ## write constraints.txt from what is installed now
	@{ sed -n '/^#/p' constraints.txt; $(PY) -m pip freeze --exclude-editable | sed 's/^\(torch==[0-9.]*\)+.*/\1/'; } > constraints.new
	@mv constraints.new constraints.txt

clean:  ## remove everything that was built, except the environment
	@rm -rf _build

# `make` alone lists the targets. PYTHON is any Python from 3.11 on with venv.
PYTHON ?= python3
MODELS ?= ../shared/models
BIN := .venv/bin
RUNTIME := .venv/.installed-runtime
DEV := .venv/.installed-dev
EXTRAS := .venv/.installed-extras
DIGITS := examples/digits

.DEFAULT_GOAL := help
.PHONY: help setup extras demo test check lint types unit filecheck models fuzz nightly docs bench lock clean

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(DEV) ## make .venv with the compiler and the developers' tools

extras: $(EXTRAS) ## add PyTorch and onnxruntime, whose tests skip otherwise

demo: $(RUNTIME) ## compile the digits network, run it on a simulated Cortex-M4
	$(BIN)/python $(DIGITS)/demo.py

test: check models ## everything: check and models

check: lint types unit filecheck ## what must be green before a commit

lint: $(DEV) ## formatting and lint rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(DEV) ## strict type check
	$(BIN)/basedpyright

unit: $(DEV) ## pytest over test/unit
	$(BIN)/pytest -W error -n 2 -q test/unit

filecheck: $(DEV) ## lit over test/filecheck
	$(BIN)/lit -j2 test/filecheck

models: $(DEV) ## compile and run whole networks: test/models over $(MODELS)
	$(BIN)/pytest -W error -n 2 -q test/models

fuzz: $(DEV) ## feed the importers thousands of damaged models, for the night
	$(BIN)/python test/fuzz --count 2000
	$(BIN)/python test/fuzz tflite onnx --count 300 --models $(MODELS)

docs: $(DEV) ## write the pages that are generated: docs/operators.md and others
	$(BIN)/python -m tinyml.tools.operators_page > out.md && mv out.md docs/operators.md
	$(BIN)/python -m tinyml.tools.passes_page > out.md && mv out.md docs/passes.md
	$(BIN)/python -m tinyml.tools.dialects_page > out.md && mv out.md docs/dialects.md

nightly: $(DEV) ## a thousand random networks; every pass of every pipeline on $(MODELS)
	TINYML_NIGHTLY=1 $(BIN)/pytest -W error -q test/unit/test_differential.py
	TINYML_NIGHTLY=1 $(BIN)/pytest -W error -n 2 -q test/models

bench: $(RUNTIME) ## the table of benchmarks over $(MODELS)
	$(BIN)/tinyml bench --models $(MODELS)

lock: ## write requirements.lock anew, from the newest versions allowed
	rm -rf out/lock && $(PYTHON) -m venv out/lock
	out/lock/bin/pip install --quiet --disable-pip-version-check -e '.[dev]'
	{ sed -n 1p requirements.lock; out/lock/bin/pip freeze --exclude-editable; } > out/requirements.lock
	mv out/requirements.lock requirements.lock

clean: ## delete what was built; .venv stays
	rm -rf out build dist .pytest_cache .ruff_cache .hypothesis
	find . -path ./.venv -prune -o \( -name __pycache__ -o -name Output \) -type d -exec rm -rf {} +

# One .venv, filled in steps: the demo needs only the first, `make check` two.
$(RUNTIME): pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e .
	touch $@

$(DEV): $(RUNTIME)
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	touch $@

# onnxscript is what PyTorch's ONNX exporter needs.
$(EXTRAS): $(DEV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[quantize,torch]' onnxscript
	touch $@

# make demo    search on real images, train the network that was found, and compare it with random ones
# make test    everything a change must pass
# Both build .venv first, once; a change of pyproject.toml or constraints.txt builds it anew.
#
# PYTHON=python3.12   another interpreter (3.10 or newer)
# TORCH_INDEX=URL     where to take PyTorch from, for example its CPU builds; see README, "Install"
# PYTEST_ARGS="-x"    more arguments for pytest

PYTHON ?= python3
TORCH_INDEX ?=
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint bench gpu-check clean

help:
	@echo "make demo       build $(VENV), search on real images, train what was found beside random ones (a few minutes)"
	@echo "make test       build $(VENV), lint, pytest"
	@echo "make test-slow  the long tests as well"
	@echo "make lint       ruff, mypy and the floors alone"
	@echo "make bench      every speed and memory figure of docs/benchmarks.md"
	@echo "make gpu-check  on a machine with a GPU: are the kernels right, how fast are they; uses python3 as it is"
	@echo "make clean      remove $(VENV) and caches; runs/ stays"

demo: $(VENV)/.installed
	@out=runs/demo; n=1; while [ -e "$$out" ]; do n=$$((n + 1)); out=runs/demo-$$n; done; \
	set -ex; $(BIN)/scansearch run --space default8 --strategy darts --out "$$out"; \
	$(BIN)/scansearch train --genotype "$$out" --epochs 5 --batch-size 32 --out "$$out-trained"; \
	$(BIN)/scansearch compare "$$out-trained"

test: lint
	$(BIN)/pytest -n auto --dist loadfile $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-test
	$(BIN)/pytest -n auto --dist loadfile -m "slow or not slow" $(PYTEST_ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

bench: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks

# With the torch and the triton that are there, for these have to fit the GPU: python3 -m pip install -e . first, if need be.
gpu-check:
	$(PYTHON) -m benchmarks.gpu_check

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# A stamp is written last: an installation that was interrupted starts again.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
	sys.exit(0 if v >= (3, 10) else "scansearch needs Python 3.10 or newer, but $(PYTHON) is %d.%d; try make PYTHON=python3.11" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.torch: $(VENV)/.created constraints.txt
	@if [ -n "$(TORCH_INDEX)" ]; then set -x; $(BIN)/pip install -q -c constraints.txt --index-url "$(TORCH_INDEX)" torch; fi
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "installing scansearch into $(VENV); this takes a few minutes"
	$(BIN)/pip install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "installing scansearch into $(VENV); this takes a few minutes"
	$(BIN)/pip install -q -c constraints.txt -e ".[test]"
	@touch $@ $(VENV)/.installed

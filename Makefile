# The two commands of the README, `make demo` and `make test`, need Python 3.11 or newer and make.
# Both share one .venv, made and refreshed here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT ?= demo

# Hundreds of processes of the program would compile it again each, where the environment forbids
# Python to keep what it compiled.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test pytest journeys lint evidence clean help

help:
	@echo "make demo      the whole line on this machine; the page is $(OUT)/index.html"
	@echo "make test      lint, types and tests"
	@echo "make journeys  whole commands as users type them, the README's too; CI runs them as well"
	@echo "make evidence  the counted claims, seeded, in about two hours; writes docs/evidence"

demo: $(STAMP)
	$(BIN)/frill-bench demo --out $(OUT)

# Beside each other: lint keeps one core busy for as long as the tests are collected.
test: $(STAMP)
	$(MAKE) --jobs 2 lint pytest

# Collected once first, beside lint: else each worker compiles the tests for itself.
# Four workers for two cores: tests that wait for phones run beside tests that compute.
pytest: $(STAMP)
	@$(BIN)/python -m pytest -qq --collect-only -m "not journey" >$(VENV)/collected || \
		{ cat $(VENV)/collected; exit 1; }
	$(BIN)/python -m pytest -n 4 --dist loadgroup --no-loadscope-reorder --durations=20 \
		-m "not processor and not journey"

journeys: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m journey

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

evidence: $(STAMP)
	$(BIN)/python -m pytest -m evidence

clean:
	rm -rf $(VENV) build *.egg-info

$(STAMP): setup.cfg pyproject.toml constraints.txt Makefile .ci/check_python.py
	@$(PYTHON) .ci/check_python.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25"
	@echo "installing into $(VENV) (about 1.5 GB with TensorFlow; some minutes)"
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet -e ".[host,score,detect,teachers,zoo,tfds,cluster,usb,parquet,dev]" -c constraints.txt
	@touch $@

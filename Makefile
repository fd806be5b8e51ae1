# make demo   install everything, run the main job on the clips of demo_videos/, score the result
# make test   install everything, run the checks and the tests
# make check  lint, types and import contracts only
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check install install-dev docs clean

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Handoff needs Python 3.11 or newer; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --prefer-binary -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --prefer-binary -r requirements-dev.txt
	touch $@

demo: install
	$(BIN)/python run.py --sources demo_videos/cams.yaml --output runs/demo --overwrite
	$(BIN)/python run.py evaluate runs/demo --truth demo_videos/truth

check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0

docs: install
	$(BIN)/python -m pipeline.reference docs/configuration.md

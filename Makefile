# make demo   create .venv, install, train on examples/data/adult.csv.gz
# make test   create .venv, install, run the tests
# make check  lint, types, layers, doctests
# make test-callbacks   install Lightning, Transformers and Keras beside it, run the tests that need them
# make index  write the index behind `retemper train --help` (after a change of options)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-callbacks check index clean

demo: $(VENV)/installed
	$(BIN)/retemper train examples/data/adult.csv.gz --target income --time-limit 60s

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -rs

test-callbacks: $(VENV)/callbacks/installed
	$(VENV)/callbacks/bin/python -m pytest -rs tests/api/callbacks

check: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --doctest-modules src

index: $(VENV)/installed
	$(BIN)/python -m retemper.cli.recipe_index

clean:
	rm -rf $(VENV) build dist src/*.egg-info

# The stamps are younger than what they were made from, so that a second call installs nothing.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "retemper needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing retemper (PyTorch is the large part) ..."
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing the tools for tests ..."
	$(PIP) --editable '.[dev]'
	@touch $@

# An environment of their own that sees all of the other one: with them beside it, mypy would judge their types, too.
$(VENV)/callbacks/installed: $(VENV)/installed-dev
	@echo "Installing the libraries that the callbacks are tested with ..."
	$(BIN)/python -m venv $(VENV)/callbacks
	$(BIN)/python -c "import site; print('import site; site.addsitedir(%r)' % site.getsitepackages()[0])" \
		> $$($(VENV)/callbacks/bin/python -c "import site; print(site.getsitepackages()[0])")/retemper-parent.pth
	$(VENV)/callbacks/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		lightning transformers accelerate keras
	@touch $@

# Two commands do everything on a fresh Debian machine: `make demo` and `make test`. Both can be run again at any time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NOTEBOOK := examples/digits/digits.ipynb

.PHONY: demo test check bench clean

$(BIN)/python:
	@echo "== making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml
	@echo "== installing nbcontainer and what the example needs into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,notebook,example]'
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml
	@echo "== installing what the tests need into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(VENV)/.demo $@

demo: $(VENV)/.demo
	@$(BIN)/python -m nbcontainer.orchestrators.local --install
	@echo "== training $(NOTEBOOK) in a container"
	$(BIN)/nbcontainer train $(NOTEBOOK) --target local --follow
	@echo "== serving its predict()"
	$(BIN)/nbcontainer serve $(NOTEBOOK):predict --target local --name digits-demo --wait
	@echo "== asking it over HTTP"
	$(BIN)/nbcontainer status digits-demo --target local --json | $(BIN)/python examples/digits/ask.py -
	@$(BIN)/nbcontainer stop digits-demo --target local > /dev/null
	@echo "== done: the notebook ran as a container, its function answered, the service is stopped"

test: $(VENV)/.test
	@$(BIN)/python -m tests.prepare
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.test
	@$(BIN)/python -m tests.prepare
	$(BIN)/python bench/run.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist

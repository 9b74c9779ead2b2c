# make app, make test, make test-fast, make check, make bench, make bench-peers, make test-integrations, make test-scale, make screenshots, make methods, make examples, make docs: each sets up what it needs, once.
#   ARGS='-k mad'    of make test: more words for pytest
#   WORKERS=2        processes that test at the same time, one thread each (a file in one of them, all tests in a browser in one)
#   TORCH_INDEX=URL  take torch from this index first, e.g. PyTorch's CPU-only one (the default CUDA build is about 6 GB)
#   PORT=8501        where the dashboard listens
PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
# Looks after the JavaScript: no network, nothing outside build/.
DENO = DENO_DIR=build/deno DENO_NO_UPDATE_CHECK=1 $(BIN)/deno
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8
TORCH := $(shell grep -E '^torch(vision)?==' requirements.txt)

.PHONY: app test test-fast check format bench bench-peers test-integrations test-scale screenshots methods examples docs clean

app: $(VENV)/ready
	$(BIN)/dmf app --port $(PORT)

test: $(VENV)/ready
	$(PYTEST) $(ARGS)

# While one works on something: without real browsers, processes that are started or killed, and benchmarks.
test-fast: $(VENV)/ready
	$(PYTEST) -m 'not browser and not processes and not benchmark' $(ARGS)

check: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(DENO) fmt --check
	$(DENO) lint
	$(DENO) check --quiet app/

format: $(VENV)/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(DENO) fmt

bench: $(VENV)/ready
	$(BIN)/python -m benchmarks

# Others that do not install beside our pins, in build/peers-venv; recorded in benchmarks/peers.json.
bench-peers: $(VENV)/ready
	$(BIN)/python -m benchmarks.peers

# The callbacks of other trainers, in build/integrations-venv over the packages of ours.
test-integrations: $(VENV)/ready
	$(BIN)/python -m venv --without-pip build/integrations-venv
	$(BIN)/python -c 'import sys; print(*(p for p in sys.path if p.endswith("site-packages")), sep="\n")' \
	  > $$(echo build/integrations-venv/lib/python3*/site-packages)/ours.pth
	$(BIN)/python -m pip --python build/integrations-venv/bin/python install -r tests/dmf/integrations/requirements.txt
	PYTHONPATH=. build/integrations-venv/bin/python -m pytest -W ignore tests/dmf/integrations

# Studies on a real Ray cluster and stores on a real server, in build/scale-venv over the packages of ours. Without the
# programs of PostgreSQL they are installed, which takes Debian and its administrator. Nodes of the cluster take long to
# start where others use the cores as well, hence the time that a test may take.
test-scale: $(VENV)/ready
	@command -v initdb || ls /usr/lib/postgresql/*/bin/initdb || \
	  { apt-get -o Acquire::Retries=3 update && apt-get -o Acquire::Retries=3 install -y postgresql; }
	$(BIN)/python -m venv --without-pip build/scale-venv
	$(BIN)/python -c 'import sys; print(*(p for p in sys.path if p.endswith("site-packages")), sep="\n")' \
	  > $$(echo build/scale-venv/lib/python3*/site-packages)/ours.pth
	$(BIN)/python -m pip --python build/scale-venv/bin/python install -r tests/dmf/studies/scale/requirements.txt
	PYTHONPATH=. build/scale-venv/bin/python -m pytest -W ignore -n 0 --timeout 1800 -k 'cluster or postgresql or server_away' \
	  tests/dmf/jobs/test_server_away.py tests/dmf/runs tests/dmf/studies/scale

screenshots: $(VENV)/ready
	$(BIN)/python -m pytest -q tests/browser/screenshots.py

# The runs that come with the program, trained anew.
examples: $(VENV)/ready
	$(BIN)/python -m dmf.examples.make

# The table of methods, docs/methods-table.md and the page's, by running every method.
methods: $(VENV)/ready
	$(BIN)/python -m dmf.methods.table docs/methods-table.md

# The site of docs/ and of the docstrings.
docs: $(VENV)/ready
	$(BIN)/python -m sphinx -q -W --keep-going -d build/doctrees docs build/site
	@echo "Open build/site/index.html"

# Up to date until requirements or project metadata change; a broken install is repeated.
$(VENV)/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $(PYTHON) is older. Try: make app PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifdef TORCH_INDEX
	$(BIN)/python -m pip install --index-url $(TORCH_INDEX) $(TORCH)
endif
	$(BIN)/python -m pip install -r requirements.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

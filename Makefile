# The commands of CONTRIBUTING.md. Set PYTHON to use another interpreter: make test PYTHON=.venv/bin/python
PYTHON ?= python
CACHE ?= cache

.PHONY: setup test lint bench pictures

setup:  ## install vitscope as you edit it, with the tools
	$(PYTHON) -m pip install --editable '.[dev]'

test:   ## the tests, without the slow ones
	$(PYTHON) -m pytest -m 'not slow'

lint:   ## format, lint, types, import rule
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m pyright
	lint-imports

bench:  ## how fast and how large, as ratios measured in one run
	$(PYTHON) -m tests.benchmarks

pictures: ## the pictures of README.md and docs/ anew, from the cache of `vitscope demo --no-browse --cache CACHE`
	$(PYTHON) -m tests.pictures $(CACHE)

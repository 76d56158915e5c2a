# make demo    the main job on pictures that it makes itself
# make test    every test that can run here
# make lint    formatting, rules, types, floors
# make web     the search page, with Node.js 20 or later
# make serve   the service on the demo's pictures, page and all
# make chain   both ways of uploading on a PostgreSQL, an S3 server and a RabbitMQ of its own, and what each costs
# make chain-up the same servers with the service and its page, until Ctrl-C
# make openapi the document of the API, written anew
# make lock    requirements.lock, written anew
# make audit   known weaknesses of what the lock files name, where their databases can be reached
# make licences  the list of licences, written anew
# make bench   the figures of docs/benchmarks.md, measured anew
#
# Each makes what it needs in .venv; with PYTHON=python3.12 another Python is taken.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint web serve chain chain-up openapi lock audit licences bench page clean

demo: $(VENV)/installed
	$(BIN)/lookalike demo demo

test: $(VENV)/tested
	$(BIN)/python -m pytest $(PYTEST)

web: web/node_modules/.package-lock.json
	cd web && npm run build

serve: $(VENV)/served web demo
	$(BIN)/lookalike serve -c demo/demo.lookalike

chain: $(VENV)/chained web
	$(BIN)/python -m chain run $(CHAIN)

chain-up: $(VENV)/chained web
	$(BIN)/python -m chain up $(CHAIN)

openapi: $(VENV)/served
	$(BIN)/python -m lookalike.service.openapi > docs/reference/openapi.json

lint: $(VENV)/linted
	$(BIN)/ruff format --check src tests benchmarks chain supply
	$(BIN)/ruff check src tests benchmarks chain supply
	$(BIN)/mypy
	$(BIN)/lint-imports

# The versions stay as they are where they can; delete a line first for a newer one.
lock: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	sed -n '/^#/!q;p' requirements.lock > requirements.head
	sed -n 's/^\([a-z0-9-]*==[^ ;]*\).*/\1/p' requirements.lock > requirements.versions
	$(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra all --extra chain --extra test --extra lint --extra bench --constraints requirements.versions pyproject.toml \
		--output-file requirements.new
	cat requirements.head requirements.new > requirements.lock
	rm requirements.head requirements.versions requirements.new

# In a place of its own: what it needs is not what Lookalike needs.
audit: web/node_modules/.package-lock.json
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.10,<3'
	$(VENV)-audit/bin/python -m supply.audit

licences: $(VENV)/served
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL) --editable '.[all,chain,gpu]'
	$(BIN)/python -m supply.licences

bench: $(VENV)/benched
	$(BIN)/python -m benchmarks.run $(BENCH)
	$(BIN)/python -m benchmarks.page

page: $(VENV)/installed
	$(BIN)/python -m benchmarks.page

clean:
	rm -rf $(VENV) $(VENV)-audit demo web/node_modules src/lookalike/service/page .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# $(INSTALL) may name a file of pinned versions, without hashes: make test INSTALL="--constraint versions.txt"
$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL) --editable .
	touch $@

$(VENV)/tested: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL) --editable '.[test]'
	touch $@

$(VENV)/linted: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL) --editable '.[lint]'
	touch $@

$(VENV)/served: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL) --editable '.[serve]'
	touch $@

$(VENV)/chained: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL) --editable '.[serve,postgres,s3,rabbitmq,chain]'
	touch $@

$(VENV)/benched: $(VENV)/tested
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL) --editable '.[bench]'
	touch $@

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-fund --no-audit
	touch $@

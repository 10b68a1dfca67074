# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A thin front of meson. Each target that builds has a directory of its own, so that none disturbs
# another; what a target does is in scripts/, to be used by hand as well.

BUILD  ?= build
PREFIX ?= /usr/local
DESTDIR ?=

# The fuzzer's instrumentation suits no other program.
FUZZERS = $(patsubst %.c,%,$(filter-out %-selftest.c,$(wildcard test/fuzz/fuzz-*.c)))

# BPF=enabled fails where the BPF programs cannot be built, BPF=disabled leaves them out.
SETUP = -Dprefix=$(PREFIX) $(if $(BPF),-Dbpf=$(BPF))

# Targets share build directories, and ninja uses all cores by itself.
.NOTPARALLEL:
.PHONY: all help deps demo test test-all test-slow test-matrix install uninstall check format asan tsan \
	stress werror clang cross-arm64 fuzz coverage abi clean

all: ## build build/oomnotify, build/liboomnotify.so and build/liboomnotify.a
	scripts/install-packages build
	scripts/build $(BUILD) $(SETUP)

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

deps: ## install every package that any target needs (scripts/packages.list)
	scripts/install-packages

demo: ## show an OOM arriving at `oomnotify watch` and at an eventfd listener
	scripts/install-packages build
	scripts/build $(BUILD) $(SETUP)
	scripts/demo $(BUILD)

test: ## install what is missing, build, run every quick suite
	scripts/install-packages build test
	scripts/build $(BUILD) $(SETUP)
	scripts/run-tests $(BUILD) --which quick

test-all: ## the same with the slow suites
	scripts/install-packages build test roots
	scripts/build $(BUILD) $(SETUP)
	scripts/run-tests $(BUILD) --which all

test-slow: ## the slow suites alone
	scripts/install-packages build test roots
	scripts/build $(BUILD) $(SETUP)
	scripts/run-tests $(BUILD) --which slow --log oomn-tests-slow

test-matrix: ## more levels on more machines than CI has time for, about an hour
	scripts/install-packages build test
	scripts/build $(BUILD) $(SETUP)
	scripts/run-tests $(BUILD) --which matrix --log oomn-tests-matrix

install: all ## install below $(DESTDIR)$(PREFIX)
	meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir '$(abspath $(DESTDIR))')
	$(if $(DESTDIR),,-ldconfig)

uninstall: ## remove what the last `make install` of this tree put there
	ninja -C $(BUILD) uninstall

check: ## static checks: format, lint, layers, sizes, licences, shell scripts
	scripts/install-packages build checks
	scripts/build $(BUILD) $(SETUP)
	scripts/check $(BUILD)

format: ## let clang-format rewrite the C files
	scripts/install-packages checks
	test/checks/check-format --write .

asan: ## unit, fuzz, cgsim and cli suites under ASan and UBSan
	scripts/install-packages build test
	scripts/build build-asan --native-file build-dev.ini
	scripts/run-tests build-asan --suite unit --suite fuzz --suite cgsim --suite cli

tsan: ## churn in threads under TSan
	scripts/install-packages build test
	scripts/build build-tsan -Db_sanitize=thread -Db_lundef=false
	scripts/run-tests build-tsan --suite churn-matrix

stress: ## five minutes of churn, and the same under ASan and UBSan
	scripts/install-packages build test
	scripts/build $(BUILD) $(SETUP)
	scripts/run-tests $(BUILD) --suite stress-matrix
	scripts/build build-asan --native-file build-dev.ini
	scripts/run-tests build-asan --suite stress-matrix

werror: ## build with gcc, warnings being errors
	scripts/install-packages build
	CC=gcc scripts/build build-werror --werror

clang: ## build with clang, warnings being errors
	scripts/install-packages build checks
	CC=clang scripts/build build-clang --werror

cross-arm64: ## compile and link for arm64, warnings being errors
	scripts/install-packages build checks
	scripts/cross-arm64 build-arm64

fuzz: ## search with libFuzzer for inputs that break a parser, 20,000 runs each
	scripts/install-packages build checks
	CC=clang TARGETS='$(FUZZERS)' scripts/build build-fuzz -Dfuzzer=true \
		-Db_sanitize=address,undefined -Db_lundef=false
	scripts/run-tests build-fuzz --suite fuzz

coverage: ## tell which lines of lib, core and source the tests reach; fail below 90 %
	scripts/install-packages build test checks
	CC=gcc scripts/build build-cov $(SETUP) -Db_coverage=true
	scripts/coverage build-cov

abi: ## store the ABI of the library anew, in lib/liboomnotify.abi
	scripts/install-packages build checks
	scripts/build $(BUILD) $(SETUP)
	scripts/check-abi --write $(BUILD)

clean: ## remove all build directories
	rm -rf $(BUILD) build-asan build-tsan build-werror build-clang build-arm64 build-fuzz build-install build-cov

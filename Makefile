# What a person does with a checkout. Needs python3 (3.11 or newer), python3-venv and make; everything else goes into
# .venv, pinned with hashes by requirements.lock. PYTHON=... takes another interpreter, ARGS=... adds arguments.

PYTHON ?= python3
ARGS   ?=
BIN    := .venv/bin
STAMP  := .venv/.complete
# Only `make lock` needs it, in an environment of its own.
UV_VERSION := 0.13.9
PIP_FLAGS  := --quiet --no-input --disable-pip-version-check
# Only `make mutants` needs it, in an environment of its own that sees the packages of .venv, too.
MUTMUT_VERSION := 3.8.1
MUTMUT         := build/mutants/.complete-$(MUTMUT_VERSION)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test campaign chaos regressions mutants fuzz lint format wheel bench bench-disconnect lock clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## build .venv (the others do it when it is needed)

demo: $(STAMP) ## run the main job on this machine: five nodes, a manager, a client (ARGS="--seed 7")
	$(BIN)/skerry demo $(ARGS)

# Tests that start nothing and listen nowhere share the processors one by one; those with some processes wait for these
# half of the time, so there are two files at a time for each processor; those with whole sites have the machine to
# themselves.
PURE  := tests/core tests/inputlog tests/scenarios tests/simulation
SITES := tests/e2e tests/netns tests/wheel
test: lint ## check and test everything (ARGS="-k lease" for some)
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(PURE)
	$(BIN)/python -m pytest --numprocesses $$((2 * $$(nproc))) --dist loadfile $(PURE:%=--ignore=%) $(SITES:%=--ignore=%)
	$(BIN)/python -m pytest $(SITES)
endif

campaign: $(STAMP) ## the long tests that `make test` leaves out: whole demonstrations, judged by their figures
	$(BIN)/python -m pytest -m campaign $(ARGS)

regressions: $(STAMP) ## see each seed that once failed fail in the commit before its mend (ARGS="--only 68")
	$(BIN)/python -m tests.simulation.regressions $(ARGS)

mutants: $(STAMP) $(MUTMUT) ## change the core's rules one thing at a time, and see which change no test notices (ARGS="--minutes 60")
	$(BIN)/python -m tests.mutation.mutants $(ARGS)

fuzz: $(STAMP) ## look for data from outside that does harm, guided by coverage (ARGS="--minutes 10 --target wire")
	PYTHONPATH=src:. $(BIN)/python -m tests.fuzzing.run $(ARGS)

chaos: $(STAMP) ## break sites of 1, 2, 3, 5 and 24 nodes by real faults, as root: an hour (ARGS="--seed 7 --minutes 20")
	@command -v nft >/dev/null || { echo "make: nft was not found. Install it (Debian: apt install nftables)." >&2; exit 1; }
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || \
		{ echo "make: libfaketime was not found. Install it (Debian: apt install faketime)." >&2; exit 1; }
	@for nodes in 1 2 3 5; do $(BIN)/skerry lab chaos --nodes $$nodes $(ARGS) || exit; done
	$(BIN)/skerry lab chaos --nodes 24 $(ARGS)

lint: $(STAMP) ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports --no-logo

format: $(STAMP) ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(STAMP) ## build dist/skerry-*.whl
	rm -f dist/skerry-*.whl
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

bench: $(STAMP) ## measure and print the figures: half an hour (ARGS="--only idle --json FILE")
	$(BIN)/python -m bench.run $(ARGS)

bench-disconnect: $(STAMP) ## cut links under Skerry and its peers, as root, and measure: hours (ARGS="--only skerry,etcd --repeats 5")
	$(BIN)/python -m bench.disconnect.run --resume $(ARGS)

lock: ## pin the dependencies anew: as they are, or newer with ARGS=--upgrade
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install $(PIP_FLAGS) uv==$(UV_VERSION)
	UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
		pyproject.toml --group dev --output-file requirements.lock $(ARGS)

clean: ## remove everything that was made, .venv too
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(MUTMUT): $(STAMP)
	$(PYTHON) -m venv --clear build/mutants
	build/mutants/bin/python -m pip install $(PIP_FLAGS) mutmut==$(MUTMUT_VERSION)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$(build/mutants/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	@touch $@

# The stamp comes last, so that a set-up which was interrupted begins anew. An environment whose interpreter is gone
# (the system's Python was upgraded) is made again from nothing.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || \
		{ echo "make: $(PYTHON) was not found. Install it (Debian: apt install python3 python3-venv) or say PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is $$($(PYTHON) --version 2>&1); Python 3.11 or newer is needed. Install it (Debian 12 or newer: apt install python3) or say PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "make: $(PYTHON) cannot make virtual environments. Install what brings that (Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "Setting up .venv; this is done once and takes a minute or so."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install $(PIP_FLAGS) --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

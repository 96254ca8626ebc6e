# make test      what .ci/run calls: lint, then every test that is not marked slow
# make test-all  the slow ones too
VENV := .venv
PY := $(VENV)/bin/python

# Debian packages that the tests use: real registries, other people's clients, apt repositories,
# network namespaces.
TOOLS := apache2-utils apt-utils docker-registry gnupg iproute2 nftables openssl skopeo

.PHONY: test test-all lint bench fuzz lock tools engine-stop

test: lint tools
	$(PY) -m pytest -m "not slow"

# Emulating another architecture is the engine's choice at its start, hence the new one.
test-all: lint tools
	./daggerw engine stop
	./daggerw engine start --emulate arm64 || echo "without emulation: its tests are skipped"
	$(PY) -m pytest

SCRIPTS := $(filter-out .ci/%.py .ci/%.txt,$(wildcard .ci/*)) engine/native/enter.sh examples/localai/compare.sh
WORKFLOWS := $(wildcard .github/workflows/*.yml examples/localai/.github/workflows/*.yml)

lint: $(VENV)/ready
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/shellcheck $(SCRIPTS)
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/actionlint -ignore "could not read reusable workflow file" $(WORKFLOWS)
	$(VENV)/bin/zizmor --offline --quiet --persona pedantic --config .github/zizmor.yml . examples/localai

bench: $(VENV)/ready
	$(PY) -m bench

# Guided by coverage where atheris has a wheel for this Python, else by mutation alone.
MINUTES ?= 10
fuzz: $(VENV)/ready
	$(VENV)/bin/uv pip install --quiet --python $(PY) --no-deps --require-hashes \
	  -r tests/fuzz/atheris.txt || echo "without atheris"
	PYTHONPATH=tests:engine $(PY) -m fuzz --minutes $(MINUTES)

tools:
	@dpkg-query --show $(TOOLS) >/dev/null 2>&1 || \
	  { echo "installing for the tests: $(TOOLS)"; \
	    apt-get update -qq && apt-get install -qq -y --no-install-recommends $(TOOLS); }

engine-stop:
	./daggerw engine stop

PIP_COMPILE := $(VENV)/bin/uv pip compile --quiet --no-sources --universal --python-version 3.11 \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --generate-hashes --upgrade
DAGGER := $(shell sed -n 's/.*"engineVersion": "v\(.*\)".*/\1/p' dagger.json)

# All locks with hashes and without an index address; dagger-io itself is the engine's to choose:
# engine/dagger-io.txt is for the native one.
lock: $(VENV)/ready
	$(PIP_COMPILE) --no-emit-package dagger-io -o requirements.lock pyproject.toml
	$(PIP_COMPILE) --group dev -o requirements-dev.lock pyproject.toml
	sed -n 's/^requires = \["\(hatchling[^"]*\)"\]$$/\1/p' pyproject.toml | $(PIP_COMPILE) -o .ci/build.txt -
	echo uv | $(PIP_COMPILE) --no-deps -o engine/uv.txt -
	echo 'atheris<3.1' | $(PIP_COMPILE) --no-deps -o tests/fuzz/atheris.txt -
	echo dagger-io==$(DAGGER) | $(PIP_COMPILE) --no-deps -o engine/dagger-io.txt -

$(VENV)/ready: requirements-dev.lock pyproject.toml engine/uv.txt
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "python3 is older than 3.11: put a newer one first on PATH"; exit 1; }
	@test -x $(PY) || python3 -m venv $(VENV) || \
	  { echo "python3 cannot make a virtual environment: apt-get install python3-venv"; exit 1; }
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r engine/uv.txt
	$(VENV)/bin/uv pip install --quiet --python $(PY) --no-sources --no-deps --compile-bytecode \
	  --require-hashes -r requirements-dev.lock
	$(VENV)/bin/uv pip install --quiet --python $(PY) --no-sources --no-deps -e .
	@touch $@

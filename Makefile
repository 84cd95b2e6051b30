# Each target is one line of work; `make` alone prints them. See README.md.
#
#   PYTHON=python3.12        another interpreter (3.11 or newer)
#   TORCH_INDEX=URL          another wheel index for torch, e.g. https://download.pytorch.org/whl/cpu for the small CPU build
#   MINUTES=N, DEVICE=cuda   how long `make base` may take, and on what
#   QUALITY=DIR              where `make quality` keeps what it fetches and finds
#   VENV=DIR                 another place for the environment
#   ATTACKS=DIR              where `make attacks` keeps what it fetches and finds

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
DEMO ?= demo
QUALITY ?= $(or $(TMPDIR),/tmp)/lifecycle-quality
ATTACKS ?= $(or $(TMPDIR),/tmp)/lifecycle-attacks
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
LOCKED = install --quiet --require-hashes --no-deps

.DEFAULT_GOAL := help
.PHONY: help run languages environments upstream private judges dev test slow dsse environment lint types compat fuzz bench attacks docs golden demo base quality locks clean

help:  ## print this
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/run.stamp  ## the environment that speaks, trains and archives
languages: $(VENV)/languages.stamp  ## and what reads Japanese and Korean (450 MB)
environments: $(VENV)/environments.stamp  ## and what talks to a container engine
upstream: $(VENV)/upstream.stamp  ## and what reads HuBERT and RoBERTa, for voices of GPT-SoVITS
private: $(VENV)/private.stamp  ## and what trains under differential privacy
judges: $(VENV)/bench.stamp  ## and what judges a voice: a recognizer, who speaks, how it sounds (500 MB)
dev: $(VENV)/dev.stamp  ## all of it, with what tests and checks need

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "No venv here. On Debian or Ubuntu: sudo apt-get install -y python3-venv"; exit 1; }

# torch comes from whichever index the machine has, so its hash cannot be in the lock; its version can, and everything else is hashed.
# It is installed before this project: a bare `pip install -e .` would fetch the newest torch with gigabytes of CUDA libraries.
$(VENV)/run.stamp: requirements/run.lock pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "Installing what the toolkit needs into $(VENV) (a few minutes the first time) …"
	$(PIP) $(LOCKED) -r requirements/run.lock
	$(PIP) install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/languages.stamp $(VENV)/environments.stamp $(VENV)/upstream.stamp $(VENV)/private.stamp $(VENV)/bench.stamp: $(VENV)/%.stamp: requirements/%.lock $(VENV)/run.stamp
	$(PIP) $(LOCKED) -r requirements/$*.lock
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/run.stamp $(VENV)/languages.stamp $(VENV)/environments.stamp $(VENV)/upstream.stamp $(VENV)/private.stamp $(VENV)/bench.stamp
	$(PIP) $(LOCKED) -r requirements/dev.lock
	@touch $@

test: dev  ## the whole suite, offline, at most 10 minutes on 2 cores
	$(VENV)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile

slow: dev  ## what takes minutes and `make test` leaves out: a training killed again and again, alignment against the engine
	$(VENV)/bin/python -m pytest -m slow

dsse: dev  ## OpenSSF's model-signing, in an environment of its own, verifies what we sign
	$(VENV)/bin/python -m pytest -m slow tests/archive/test_dsse.py

environment: dev  ## an image built twice, a voice that speaks and is verified in it; needs mmdebstrap, and root for an engine
	$(VENV)/bin/python -m pytest -rs -m slow tests/lifecycle/test_environment_for_real.py

lint: dev  ## ruff, its formatting, and the doors between the rooms
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

types: dev  ## mypy --strict
	$(VENV)/bin/mypy

compat: dev  ## other people's bytes: age vectors, bundles opened by hand, recorded outputs of GPT-SoVITS
	$(VENV)/bin/python -m pytest -rs tests/archive tests/golden tests/test_vectors.py compat_tests

fuzz: dev  ## ten minutes of hostile bytes; also with atheris where that is installed (pip install atheris)
	$(VENV)/bin/python -m tests.fuzzing 600

bench: dev  ## speeds, compared and never gated; figures in docs/benchmarks.md
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -m bench tests/benchmarks --benchmark-sort=name --benchmark-columns=min,median,rounds --benchmark-group-by=group

attacks: run judges  ## releases of real people's vectors, attacked (docs/privacy.md); fetches telephone prompts from Debian, 60 MB
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m tests.benchmarks.attacks --work $(ATTACKS)
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m tests.benchmarks.membership_attacks --work $(ATTACKS)

docs: dev  ## write the --help of every verb into docs/
	$(VENV)/bin/python -m tests.test_docs

golden: dev  ## recorded outputs of GPT-SoVITS; LIFECYCLE_GOLDENS and LIFECYCLE_GOLDEN_SEED name others
	$(VENV)/bin/python -m pytest -rs tests/golden

demo: run  ## a voice, all the way round: train, archive, verify elsewhere, speak
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sh examples/demo.sh $(DEMO)

base: run  ## train the embedded base again (hours; resumable; needs flite, festival and espeak-ng); MINUTES=, DEVICE=cuda
	$(VENV)/bin/python -m core_model.nano.recipe --work work/base $(if $(MINUTES),--minutes $(MINUTES)) $(if $(DEVICE),--device $(DEVICE))

quality: run judges  ## how well the base speaks, for two people it has never heard; fetches telephone prompts from Debian, 11 MB
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m tests.benchmarks.quality --work $(QUALITY)

locks: run  ## write requirements/*.lock again from requirements/*.in
	$(PIP) install --quiet uv
	cd requirements && for set in run languages environments upstream private bench dev; do ../$(VENV)/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-annotate --excludes excluded.txt --custom-compile-command "make locks" $$set.in --output-file $$set.lock; done
	for profile in player torch cuda; do (cd containers/$$profile && ../../$(VENV)/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-annotate --custom-compile-command "make locks" requirements.in --output-file requirements.lock); done

clean:  ## remove the environment and the demo
	rm -rf $(VENV) $(DEMO)

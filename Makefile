# liversweep: what a person types. Needs Python 3.11 or newer as $(PYTHON), and nothing else.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEX := texlive-latex-base texlive-latex-recommended
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: help install demo test browser check latex bench bench-gpu lock clean
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## make the environment in .venv from the hashed lock file
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@echo "installing the locked packages (about 1 GB, a minute or two) ..." >&2
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  --config-settings editable_mode=compat -e .
	@touch $@

demo: install ## phantom scans -> quick sweep over five architectures -> ranked table -> HTML report
	@$(BIN)/liversweep data phantom phantom --cases 24 --seed 7 --exist-ok
	@$(BIN)/liversweep run quickstart --new-name

test: install ## all tests
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

browser: ## a Chromium for the tests of the page: Debian's, where there is none and we may install it
	@for name in chromium chromium-browser google-chrome-stable google-chrome; do \
	  if command -v $$name >/dev/null; then exit 0; fi; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
	  && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; then exit 0; fi; \
	echo "no chromium could be installed: the tests of the page in a browser will be skipped" >&2

check: install ## lint, types, import contracts, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

latex: ## pdfLaTeX, with which the tests compile the LaTeX report: installed on Debian by root, else only looked for
	@command -v pdflatex >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TEX) >/dev/null; } || \
	  echo "no pdflatex, and it cannot be installed from here: the tests will not compile the LaTeX report" >&2

bench: install ## measure speed and memory, beside what else one would use; tests/benchmarks/out/ (BENCH="--quick rivals" for less)
	$(BIN)/python -m tests.benchmarks $(BENCH)

bench-gpu: install ## the same idea on a GPU: its rate of convolution, the networks' steps, a small sweep beside stock Ray Tune
	$(BIN)/python -m tests.benchmarks.bench_gpu --json tests/benchmarks/out/gpu.json

lock: ## renew requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra dev --quiet --upgrade pyproject.toml -o requirements.lock

clean: ## remove the environment and caches of this checkout (never runs/)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

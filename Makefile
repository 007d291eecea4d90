# `make demo` and `make test` each work alone on a fresh machine with Python 3.11 or 3.12, make and git.
# The first interpreter that really starts: a name on the path may be a shim of a version that is not active (pyenv).
PYTHON ?= $(shell for python in python3.12 python3.11 python3; do \
  $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
    && echo $$python && break; done)
BIN := .venv/bin
OUT := out

.PHONY: demo test ui lint format bench clean

demo: .venv/run.stamp
	@mkdir -p $(OUT)
	@# Exit code 3 is right here: the sample has planted defects, and they are rejected with a reason.
	$(BIN)/drgbridge group data_samples/sample/plain.csv --out $(OUT)/groups.csv || test $$? -eq 3
	for case in SYN00000333-1 SYN00000261-1 SYN00000064-1; do \
	  echo; $(BIN)/drgbridge explain data_samples/sample/plain.csv --case $$case || exit 1; done
	@echo; echo "Every group with its reason: $(OUT)/groups.csv. The same in the browser: make ui"; echo
	@# The contract is a synthetic one that fits the sample; the other side of the comparison a synthetic DIP catalogue.
	$(BIN)/drgbridge price data_samples/sample/plain.csv --contract template --out $(OUT)/prices.csv || test $$? -eq 3
	$(BIN)/drgbridge report data_samples/sample/plain.csv --contract template --out $(OUT)/report.html || test $$? -eq 3
	$(BIN)/drgbridge impact data_samples/sample/plain.csv --from chs-drg-1.1 --to synthetic \
	  --contract-a template --contract-b reference --out $(OUT)/impact.html || test $$? -eq 3
	@echo
	$(BIN)/drgbridge check data_samples/sample/plain.csv --out $(OUT)/findings.csv || test $$? -eq 3
	$(BIN)/python -m data_samples.quality_demo --out $(OUT)/quality
	$(BIN)/drgbridge suggest data_samples/sample/records --case SYN00000006-1
	@echo
	$(BIN)/python -m data_samples.joint_demo --out $(OUT)/joint
	@echo
	$(BIN)/python -m data_samples.nightly_demo --out $(OUT)/nightly
	@echo
	@$(BIN)/python -m data_samples.ui_demo --out $(OUT)/ui --nightly $(OUT)/nightly --joint $(OUT)/joint

test: .venv/dev.stamp lint
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# After `make demo` with its data, for its accounts; before it the what-if page alone.
ui: .venv/run.stamp
	@if test -f $(OUT)/ui/accounts.txt; then cat $(OUT)/ui/accounts.txt; fi
	$(BIN)/python -m streamlit run ui/server.py

bench: .venv/dev.stamp
	$(BIN)/python -m bench

clean:
	rm -rf .venv $(OUT) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A virtual environment with exactly the pinned versions; made again when they change.
.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or 3.12 with venv was found. Install one, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run.stamp: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo]'
	touch $@

.venv/dev.stamp: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@ .venv/run.stamp

# make demo   everything from a fresh machine to a sense amplifier that reads
# make test   everything that CI runs
SHELL := bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= spinbricks_out
# A missing simulator or browser fails the tests where they are installed, and always in CI.
REQUIRE = $(if $(CI),1,$(shell test -e $(VENV)/.ngspice-ready -a -e $(VENV)/.browser-ready && echo 1))

.PHONY: help install simulators browser demo test slow lint bench notebooks clean distclean

help:
	@sed -n 's/^# make /make /p' Makefile
	@echo "make install | lint | bench | notebooks | clean | distclean"

install: $(VENV)/.installed simulators browser

$(VENV)/.installed: pyproject.toml tools/setup_python.sh $(wildcard netlists/technologies/*.toml)
	@PYTHON='$(PYTHON)' bash tools/setup_python.sh $(VENV)
	@touch $@

# ngspice and the browser live outside the virtual environment, so they are looked for every time (milliseconds).
simulators: $(VENV)/.installed
	@bash tools/setup_ngspice.sh $(BIN)/python $(VENV)/.ngspice-ready

# Only the tests need it: HTML reports are looked at as a browser shows them.
browser: $(VENV)/.installed
	@bash tools/setup_browser.sh $(VENV)/.browser-ready

demo: install
	$(BIN)/spinbricks demo --out $(OUT)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/mypy

test: install lint
	SPINBRICKS_REQUIRE_SIMULATORS=$(REQUIRE) $(BIN)/python -m pytest -n 2 --dist worksteal -q $(PYTEST_ARGS)

# make slow   the long checks that `make test` leaves out
slow: install
	SPINBRICKS_REQUIRE_SIMULATORS=$(REQUIRE) $(BIN)/python -m pytest -m slow -q $(PYTEST_ARGS)

bench: install
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

notebooks: install
	$(BIN)/python tools/run_notebooks.py notebooks/*.ipynb

clean:
	rm -rf build dist spinbricks_out .pytest_cache .mypy_cache .ruff_cache bsim4.out result.raw
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)

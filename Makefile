# make run      start Txscope in the browser (makes .venv at the first time)
# make room     the same for everybody on the local network
# make test     every test
# make lint     style, types and layers
# make format   rewrite the sources in the project's style
# make i18n     collect the texts into the catalogues
# make bench    the README's figures; make pictures: its pictures
# make long     half an hour of use, 5,000 random runs: what grows, or is judged wrongly, is found (MINUTES=5 RUNS=500 for less); and 5,000 random runs are judged twice
#
# PYTHON=/path/to/python3 chooses the interpreter, ARGS="..." is passed on to streamlit, pytest or the benchmarks.

BIN := .venv/bin
# Slow networks: wait longer and try again before giving up.
PIP_DEFAULT_TIMEOUT ?= 60
PIP_RETRIES ?= 10
MINUTES ?= 30
RUNS ?= 5000
export PIP_DEFAULT_TIMEOUT PIP_RETRIES
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What takes long comes first, so that two workers come to their ends together.
TESTS := $(wildcard tests/browser tests/integration tests/ui tests/unit)

.PHONY: run room test lint format i18n bench long pictures clean

run: .venv/run.stamp
	$(BIN)/python -m streamlit run app.py $(ARGS)

room: .venv/run.stamp
	$(BIN)/python -m simulator room $(ARGS)

# One pytest run; two workers, each with a server of its own. tests/conftest.py says which tests stay together.
test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder $(TESTS) $(ARGS)

lint: .venv/dev.stamp
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy --strict simulator/
	$(BIN)/python -c 'from importlinter.cli import lint_imports_command as lint; lint()'

format: .venv/dev.stamp
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

i18n: .venv/run.stamp
	$(BIN)/python -m simulator.i18n update

bench: .venv/dev.stamp
	$(BIN)/python -m benchmarks $(ARGS)

long: .venv/dev.stamp
	$(BIN)/python -m benchmarks soak --minutes $(MINUTES)
	$(BIN)/python -m benchmarks verdicts --runs $(RUNS)
	$(BIN)/python -m benchmarks verdicts --mutations

pictures: .venv/dev.stamp
	$(BIN)/python -m benchmarks.pictures $(ARGS)

clean:
	rm -rf .venv

.venv/python.stamp:
	@found=; \
	for python in "$(PYTHON)" python3.14 python3.13 python3.12 python3.11 python3 python; do \
		if [ -n "$$python" ] && "$$python" -c \
			'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
		then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Txscope needs Python 3.11 or newer with its venv module, and none was found." >&2; \
		echo "Install one (Debian, Ubuntu: python3-venv), or name one: make run PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	rm -rf .venv && echo "Making .venv with $$found" && "$$found" -m venv .venv && touch $@

.venv/run.stamp: .venv/python.stamp requirements.txt
	@echo "Installing what Txscope needs; the first time takes a minute or two"
	@$(INSTALL) -r requirements.txt && touch $@

.venv/dev.stamp: .venv/python.stamp requirements.txt requirements-dev.txt
	@echo "Installing what Txscope, its tests and its linters need; the first time takes a minute or two"
	@$(INSTALL) -r requirements-dev.txt && touch .venv/run.stamp $@

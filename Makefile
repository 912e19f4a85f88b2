# make run      start Txscope in the browser (makes .venv at the first time)
# make test     every test
# make lint     style, types and layers
# make format   rewrite the sources in the project's style
# make i18n     collect the texts into the catalogues
# make bench    the README's figures; make pictures: its pictures
#
# PYTHON=/path/to/python3 chooses the interpreter, ARGS="..." is passed on to streamlit, pytest or the benchmarks.

BIN := .venv/bin
# Slow networks: wait longer and try again before giving up.
PIP_DEFAULT_TIMEOUT ?= 60
PIP_RETRIES ?= 10
export PIP_DEFAULT_TIMEOUT PIP_RETRIES
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TESTS := $(wildcard tests/unit tests/integration tests/ui tests/browser)

.PHONY: run test lint format i18n bench pictures clean

run: .venv/run.stamp
	$(BIN)/python -m streamlit run app.py $(ARGS)

# One pytest run; two workers, each with a server of its own, and a file's tests always in one of them.
test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS) $(ARGS)

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

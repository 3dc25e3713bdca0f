# Every target makes what it needs: `make run` and `make test` work as the first command of a fresh clone.
# Options: PORT=8009  DEMO=0  WATCH=1  AT=2027-03-28T00:55Z  SPEED=600  CRON="30 2 * * *"  ZONE=Europe/Berlin
#          FUNCTION=api|creator|executor|cleaner|migrate  EVENT=a file  ARGS=more pytest options
#          SEED=1  MINUTES=30  ONLY=model,matrix,measures,campaign

PYTHON ?= $(shell command -v python3.11 || command -v python3)
FUNCTION ?= creator
SEED ?= 1
MINUTES ?= 30
EVENT ?= infra/events/$(FUNCTION).json
LOCAL = .venv/bin/python -m infra.local
# Both lock files are complete, so that nothing is left to resolve; byte code is made on first import.
INSTALL = bin/python -m pip install -qq --disable-pip-version-check --no-compile --no-deps --require-hashes

VIRTUAL = $(if $(SPEED),--speed '$(SPEED)') \
	$(if $(AT),--at '$(AT)' $(if $(CRON),--cron '$(CRON)') $(if $(ZONE),--zone '$(ZONE)'))

# Containers like to forbid byte code; without it every process compiles all of its libraries again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: help install run test chaos fuzz conformance check format build invoke serve logs psql reset lock clean

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@sed -n 's/^# Options: /\nOptions: /p; s/^#          /         /p' Makefile

install: .venv/installed .venv-emulator/installed  ## install everything, in two virtual environments

run:  ## run Cronny on this machine, on http://127.0.0.1:8009 (PORT=, DEMO=0, WATCH=1; AT=, SPEED= in virtual time)
	@$(MAKE) -s -j2 install
	@exec $(LOCAL) up $(if $(WATCH),--watch) $(VIRTUAL)

test:  ## run all tests (ARGS=)
	@$(MAKE) -s -j2 install
	.venv/bin/python -m pytest -n auto $(ARGS)

chaos:  ## kill, restart, lose and double everything, and count what became of it (SEED=1, MINUTES=30, ONLY=)
	@$(MAKE) -s -j2 install
	.venv/bin/python -m tests.faults --seed $(SEED) --minutes $(MINUTES) $(if $(ONLY),--only $(ONLY))

fuzz: .venv/installed  ## ask the API everything that its OpenAPI document allows, and worse (SEED=1, MINUTES=30)
	.venv/bin/python -m tests.fuzz --seed $(SEED) --minutes $(MINUTES)

conformance: .venv/installed  ## compare cron with another implementation at every clock change (10 minutes)
	.venv/bin/python -m tests.time.campaign

check: .venv/installed  ## lint, formatting, types, the CloudFormation template
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/cfn-lint template.yaml

format: .venv/installed  ## format the code and fix what can be fixed
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

build: .venv/installed  ## build the artefact of all functions, for this machine, in build/
	.venv/bin/python -m infra.artifact

invoke: .venv/installed  ## run one handler once in a process of its own (FUNCTION=, EVENT=)
	@$(LOCAL) invoke $(FUNCTION) $(EVENT)

serve: .venv/installed  ## host one function in the foreground, for a debugger (FUNCTION=)
	@exec $(LOCAL) serve $(FUNCTION)

logs: .venv/installed  ## print the functions' logs and follow them
	@exec $(LOCAL) logs --follow

psql: .venv/installed  ## open a prompt on the database
	@exec $(LOCAL) psql

reset: .venv/installed  ## delete the local cloud's data, after asking
	@$(LOCAL) reset

lock: .venv/installed  ## pin the newest versions that the *.in files allow, with hashes
	.venv/bin/uv pip compile $(UV_LOCK) requirements.in -o requirements.txt
	.venv/bin/uv pip compile $(UV_LOCK) requirements-dev.in -o requirements-dev.txt
	.venv/bin/uv pip compile $(UV_LOCK) infra/emulator-requirements.in -o infra/emulator-requirements.txt

UV_LOCK = --quiet --upgrade --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	--custom-compile-command "make lock"

clean:  ## delete what was built and installed, but no data
	rm -rf build .venv .venv-emulator .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/installed: requirements.txt requirements-dev.txt
	@echo "Installing Cronny and its tools into .venv ..."
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/$(INSTALL) -r requirements.txt -r requirements-dev.txt
	@touch $@

.venv-emulator/installed: infra/emulator-requirements.txt
	@echo "Installing the AWS emulator into .venv-emulator ..."
	@test -x .venv-emulator/bin/python || $(PYTHON) -m venv .venv-emulator
	@.venv-emulator/$(INSTALL) -r infra/emulator-requirements.txt
	@touch $@

# What `sam build` calls, once for each function of template.yaml: all of them get the same artefact.
.PHONY: build-ApiFunction build-CreatorFunction build-ExecutorFunction build-CleanerFunction build-MigrateFunction
build-ApiFunction build-CreatorFunction build-ExecutorFunction build-CleanerFunction build-MigrateFunction:
	$(PYTHON) -m infra.artifact --lambda --output "$(ARTIFACTS_DIR)"

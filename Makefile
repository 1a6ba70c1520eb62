# Needs make and Python 3.11 or newer, nothing else: the first target that wants it builds .venv.
# `make test ARGS="tests/examples -k repair"` passes words to pytest.

.DEFAULT_GOAL := help
.PHONY: help demo test test-faults soak bench bench-peers bench-growth lint clean

# No target touches the database that the shell happens to point at.
unexport DATABASE_URL RI_DATABASE_URL $(filter PG%,$(.VARIABLES))

ARGS ?=
WORKERS ?= 2
IN_VENV := .venv/bin/python
BUILT := .venv/built

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{printf "  %-12s %s\n", $$1, $$2}'

demo: $(BUILT) ## import, repair and reprocess the examples in an embedded database
	@bash examples/demo.sh

test: $(BUILT) ## run the tests
	$(IN_VENV) -m pytest -n $(WORKERS) $(ARGS)

test-faults: $(BUILT) ## kill runners, servers and lines at every point (strace, pgbouncer, root for the full disk)
	$(IN_VENV) -m pytest -n $(WORKERS) -m faults tests/faults $(ARGS)

soak: $(BUILT) ## 20 minutes of two runners under random faults
	$(IN_VENV) tests/faults/soak.py $(ARGS)

bench: $(BUILT) ## measure against psql by hand and installed peers, and check the targets (half an hour)
	$(IN_VENV) benchmarks/bench.py $(ARGS)

bench-peers: $(BUILT) ## install dlt and Sling into .venv-peers, for the next `make bench`
	$(IN_VENV) -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers/requirements.txt

bench-growth: $(BUILT) ## measure with 10 million items in the books, and what 10 runs leave behind
	$(IN_VENV) benchmarks/growth.py $(ARGS)

lint: $(BUILT) ## check style, format and types
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m mypy

clean: ## remove .venv, caches and the demo's files; databases under .ri stay
	rm -rf .venv .ri/demo .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# .venv/built holds the folder it was built in: scripts in a .venv that was moved point nowhere.
ifneq ($(shell cat $(BUILT) 2>/dev/null),$(CURDIR))
.PHONY: $(BUILT)
endif

$(BUILT): pyproject.toml
	@python=; for name in python3.11 python3; do \
	    if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "needs Python 3.11 or newer as python3.11 or python3" >&2; exit 1; fi; \
	echo "building .venv with $$($$python --version)" >&2; \
	$$python -m venv --clear .venv || { echo "on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(IN_VENV) -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@pwd > $(BUILT)

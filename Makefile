# One command each. `make check` is what CI runs, in the environment that is there.
bin := .venv/bin

.PHONY: install check lint types imports test unit format

install: ## an environment for working on the project
	python3 -m venv .venv
	$(bin)/pip install --editable '.[dev]'

check: lint types imports test ## all that CI runs

lint:
	$(bin)/ruff check .
	$(bin)/ruff format --check .

types:
	$(bin)/mypy

imports:
	$(bin)/lint-imports

test:
	$(bin)/pytest

unit: ## the fast tier alone
	$(bin)/pytest tests/unit

format:
	$(bin)/ruff format .
	$(bin)/ruff check --fix .

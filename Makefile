# One command each. `make check` is what CI runs, in the environment that is there.
bin := .venv/bin
pillow ?= $(HOME)/.cache/oshiwake/pillow

.PHONY: bench install check test unit coverage avx2 format quality weights netns chaos compose

install: ## an environment for working on the project
	python3 -m venv .venv
	$(bin)/pip install --constraint constraints.txt --editable '.[dev]'

check: ## all that CI runs: ruff, mypy, import-linter, all tests
	.ci/check

test:
	$(bin)/pytest

unit: ## the fast tier alone: no service, no training
	$(bin)/pytest tests/unit

coverage: ## which lines the tests run, of the programs that they start too; `make coverage tests=tests/unit` for one tier
	$(bin)/pytest --cov --cov-report=term --cov-report=html:build/coverage $(tests)

avx2: ## the tests of the network as on a processor with AVX2 and nothing newer: OpenVINO is held to that
	ONEDNN_MAX_CPU_ISA=AVX2 $(bin)/pytest tests/unit/test_network_int8_products.py tests/integration/test_network_quantization.py \
		tests/unit/test_network_engine.py tests/unit/test_network_embedder.py tests/integration/test_network_int8_products.py

format:
	$(bin)/ruff format .
	$(bin)/ruff check --fix .

compose: ## bring the compose file up on this machine's Docker engine, sort with it, take it down
	OSHIWAKE_TEST_COMPOSE=1 $(bin)/pytest tests/acceptance/test_compose.py

netns: ## workers on far hosts, by network namespaces: needs root and /dev/net/tun
	$(bin)/python benchmarks/network_hosts.py
	$(bin)/python benchmarks/network_hosts.py --blip 20

bench: ## every stage measured; writes docs/performance.md and its figures
	$(bin)/python benchmarks/bench.py

weights: ## weights as the shipped ones, from nothing, an hour and a half of one core; goes on where it was stopped
	$(bin)/reid train --config model/recipes/drawn.toml --output runs/drawn/run --half --resume
	$(bin)/reid train --config model/recipes/default.toml --output runs/default --half --resume
	$(bin)/reid weights cohort runs/default/weights.safetensors

quality: ## error rates of the shipped weights
	$(bin)/python benchmarks/quality.py

chaos: ## kills every process 200 times over 2,000 pictures, Pillow's own test images, undo under fire; most of an hour
	test -d $(pillow) || $(bin)/pip download --quiet --no-binary pillow --no-deps pillow --dest $(pillow)
	PILLOW_IMAGES=$(pillow) $(bin)/pytest --numprocesses 0 tests/acceptance/test_pillow_images.py
	$(bin)/python -m tests.chaos --per-round 40 --json chaos.json

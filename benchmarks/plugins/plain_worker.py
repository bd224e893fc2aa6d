"""A Celery worker that computes the plain way: torch eager in float32, memory as the C library treats it."""

import importlib.util
from importlib.machinery import ModuleSpec

from celery.bin.celery import main

import workers.memory_budget

_find = importlib.util.find_spec


def _without_openvino(name: str, package: str | None = None) -> ModuleSpec | None:
    return None if name == "openvino" else _find(name, package)


importlib.util.find_spec = _without_openvino
workers.memory_budget.keep_freed_memory = lambda: None

if __name__ == "__main__":
    main()

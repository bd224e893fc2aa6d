"""Embeddings on processors that OpenVINO is held to."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from model.network.int8_products import kernel_bits
from model.network.openvino_runtime import openvino_core


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these instructions are of x86")
def test_the_bits_are_those_that_openvino_bears() -> None:
    """Held to AVX2, on whatever processor, it bears 7; by itself it bears as many or more."""
    code = (
        "from model.network.int8_products import kernel_bits\n"
        "from model.network.openvino_runtime import openvino_core\n"
        "print(kernel_bits(openvino_core()))"
    )
    env = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    held = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    assert int(held.stdout) == 7
    assert kernel_bits(openvino_core()) in (7, 8)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these instructions are of x86")
@pytest.mark.parametrize("held_to", ["SSE41", "AVX2", "AVX512_CORE", "AVX512_CORE_VNNI", "DEFAULT"])
def test_embeddings_hold_on_older_processors(held_to: str) -> None:
    """Whatever `auto`, and int8 by name, take there: the shipped weights keep what is promised of it."""
    env = os.environ | {"ONEDNN_MAX_CPU_ISA": held_to}
    found = subprocess.run([sys.executable, "-c", MIN_COSINES], env=env, check=True, capture_output=True, text=True)
    auto, int8 = (float(word) for word in found.stdout.split())
    assert auto >= 0.999 and int8 >= 0.99


MIN_COSINES = """
import numpy as np
from model.network.embedder import Embedder
from model.synthesis import Identity, draw
from model.network.weights_file import DEFAULT_WEIGHTS
drawn = [np.asarray(draw(Identity.from_seed(700 + n), n, size_px=96)) for n in range(6)]
shown = np.stack([*drawn, np.zeros_like(drawn[0]), np.full_like(drawn[0], 255)])
exact, *others = (Embedder.load(DEFAULT_WEIGHTS, precision=p, threads=1).embed(shown) for p in ("fp32", "auto", "int8"))
print(*(np.einsum("nd,nd->n", exact, other).min() for other in others))
"""

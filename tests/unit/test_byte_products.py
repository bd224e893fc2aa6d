"""What a processor makes of products of bytes."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("model.network.openvino_runtime", reason="OpenVINO is not installed")

from model.network.int8_products import KERNEL_STEPS, instructions, kernel_bits, quick
from model.network.openvino_runtime import ov

HASWELL = "fpu sse2 ssse3 sse4_1 sse4_2 fma f16c avx avx2 bmi1 bmi2".split()
SKYLAKE_SERVER = [*HASWELL, *"avx512f avx512dq avx512cd avx512bw avx512vl".split()]


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ([], []),
        ("fp asimd evtstrm aes asimddp".split(), []),
        ("fpu sse2 ssse3 sse4_1 sse4_2".split(), []),
        (HASWELL, ["avx2"]),
        (SKYLAKE_SERVER, ["avx2"]),
        ([*HASWELL, "avx_vnni"], ["avx2", "avx_vnni"]),
        ([*SKYLAKE_SERVER, "avx512_vnni"], ["avx2", "avx512_vnni"]),
        ([*SKYLAKE_SERVER, "avx512_vnni", "amx_tile", "amx_int8"], ["amx_int8", "avx2", "avx512_vnni"]),
    ],
    ids=["none", "arm", "sse", "avx2", "avx512", "avx-vnni", "avx512-vnni", "amx"],
)
def test_instructions(flags: list[str], found: list[str]) -> None:
    """int8 is worth a try from AVX2 on."""
    assert instructions(flags) == found
    assert quick(flags) == bool(found)


def test_sums_of_two_products_fit_where_kernels_have_7_bits() -> None:
    """`vpmaddubsw` adds two products in 16 bits."""
    assert 2 * 255 * KERNEL_STEPS[7] <= np.iinfo(np.int16).max < 2 * 255 * KERNEL_STEPS[8]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these instructions are of x86")
def test_the_bits_are_those_that_openvino_bears() -> None:
    """Held to AVX2, on whatever processor, it bears 7; by itself it bears as many or more."""
    code = (
        "from model.network.int8_products import kernel_bits\nfrom model.network.openvino_runtime import ov\n"
        "print(kernel_bits(ov.Core()))"
    )
    env = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    held = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    assert int(held.stdout) == 7
    assert kernel_bits(ov.Core()) in (7, 8)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these instructions are of x86")
@pytest.mark.parametrize("held_to", ["SSE41", "AVX2", "AVX512_CORE", "AVX512_CORE_VNNI", "DEFAULT"])
def test_embeddings_hold_on_older_processors(held_to: str) -> None:
    """Whatever `auto`, and int8 by name, take there: the shipped weights keep what is promised of it."""
    env = os.environ | {"ONEDNN_MAX_CPU_ISA": held_to}
    found = subprocess.run([sys.executable, "-c", LEAST_COSINES], env=env, check=True, capture_output=True, text=True)
    auto, int8 = (float(word) for word in found.stdout.split())
    assert auto >= 0.999 and int8 >= 0.99


LEAST_COSINES = """
import numpy as np
from model.network.embedder import Embedder
from model.synthesis import Identity, draw
from model.network.weights_file import DEFAULT_WEIGHTS
drawn = [np.asarray(draw(Identity.from_seed(700 + n), n, size_px=96)) for n in range(6)]
shown = np.stack([*drawn, np.zeros_like(drawn[0]), np.full_like(drawn[0], 255)])
exact, *others = (Embedder.load(DEFAULT_WEIGHTS, precision=p, threads=1).embed(shown) for p in ("fp32", "auto", "int8"))
print(*(np.einsum("nd,nd->n", exact, other).min() for other in others))
"""

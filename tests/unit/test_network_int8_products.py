"""What a processor makes of products of bytes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("model.network.openvino_runtime", reason="OpenVINO is not installed")

from model.network.int8_products import KERNEL_STEPS, byte_instructions, int8_is_faster

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
    assert byte_instructions(flags) == found
    assert int8_is_faster(flags) == bool(found)


def test_sums_of_two_products_fit_where_kernels_have_7_bits() -> None:
    """`vpmaddubsw` adds two products in 16 bits."""
    assert 2 * 255 * KERNEL_STEPS[7] <= np.iinfo(np.int16).max < 2 * 255 * KERNEL_STEPS[8]

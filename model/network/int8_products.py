"""What int8 costs and keeps on this processor: whether it is faster than float32, and how many bits kernels may have.

Without VNNI or AMX, OpenVINO adds two products of an activation byte and a kernel byte in 16 bits (`vpmaddubsw`).
255 x 127 + 255 x 127 does not fit, and saturates silently. Kernels of 7 bits, up to 63, never overflow.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from model.network.openvino_runtime import op, ov

__all__ = ["KERNEL_STEPS", "byte_instructions", "cpu_flags", "int8_is_faster", "kernel_bits"]

KERNEL_STEPS = {7: 63, 8: 127}
"""Largest integer in a kernel, by its number of bits; the smallest is its negative."""

_WITH_VNNI = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
_WITHOUT_VNNI = frozenset({"avx2"})


def cpu_flags() -> frozenset[str]:
    """The flags of this x86 processor according to Linux; empty on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())


def byte_instructions(flags: Collection[str]) -> list[str]:
    """Names of the instruction sets among these flags that multiply bytes."""
    return sorted((_WITH_VNNI | _WITHOUT_VNNI).intersection(flags))


def int8_is_faster(flags: Collection[str]) -> bool:
    """Whether int8 is faster than float32 on a processor with these flags; OpenVINO lists int8 for every processor."""
    return bool(byte_instructions(flags))


def kernel_bits(core: ov.Core) -> int:
    """How many bits a kernel may have: 8 where a convolution of the largest bytes is exact, else 7.

    A convolution is computed, because flags do not tell: OpenVINO may be limited to older instructions
    (`ONEDNN_MAX_CPU_ISA`), and does not use every instruction of the processor.
    """
    largest, channels = 127, 16
    pixels = op.parameter([1, channels, 1, 1], np.float32)
    kernel = np.full((channels, channels, 1, 1), largest, np.float32)
    pixel_bytes, kernel_bytes = _bytes(pixels, 0, 255, 256), _bytes(op.constant(kernel), -largest, largest, 255)
    sums = op.convolution(pixel_bytes, kernel_bytes, *_CONVOLUTION)
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": "1"}
    compiled = core.compile_model(ov.Model([sums], [pixels], "products"), "CPU", options)
    result = compiled({0: np.full((1, channels, 1, 1), 255, np.float32)})[0]
    return 8 if np.all(result == 255 * largest * channels) else 7


_CONVOLUTION = ([1, 1], [0, 0], [0, 0], [1, 1])
"""Strides, padding at both ends, and dilations of a convolution."""


def _bytes(values: object, low: float, high: float, steps: int) -> object:
    ends = op.constant(np.float32(low)), op.constant(np.float32(high))
    return op.fake_quantize(values, *ends, *ends, steps)

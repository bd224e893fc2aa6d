"""What this processor makes of products of bytes: whether they are quick, and how many bits kernels may have.

Without VNNI or AMX, OpenVINO multiplies a byte of a picture with one of a kernel, adds two such products and keeps the
sum in 16 bits (`vpmaddubsw`). 255 x 127 + 255 x 127 does not fit and becomes the largest number that does, without a
word. With kernels of 7 bits, up to 63, no sum is that large.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from model.network.openvino_runtime import op, ov

__all__ = ["KERNEL_STEPS", "instructions", "kernel_bits", "quick", "shown_flags"]

KERNEL_STEPS = {7: 63, 8: 127}
"""The greatest whole number in a kernel of so many bits; the least is its negative."""

_ONE_STEP = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
_SEVERAL_STEPS = frozenset({"avx2"})


def shown_flags() -> frozenset[str]:
    """What Linux says that this x86 processor can do; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())


def instructions(flags: Collection[str]) -> list[str]:
    """By which a processor with these flags multiplies bytes, by name."""
    return sorted((_ONE_STEP | _SEVERAL_STEPS).intersection(flags))


def quick(flags: Collection[str]) -> bool:
    """Whether a processor with these flags is quicker in int8 than in float32; OpenVINO names int8 for every one."""
    return bool(instructions(flags))


def kernel_bits(core: ov.Core) -> int:
    """How many bits a kernel may have: 8 where sums of products come out right, else 7.

    OpenVINO is tried rather than asked: it may be held to older instructions than the processor has
    (`ONEDNN_MAX_CPU_ISA`), and does not use every one that is there.
    """
    most, channels = 127, 16
    pixels = op.parameter([1, channels, 1, 1], np.float32)
    kernel = np.full((channels, channels, 1, 1), most, np.float32)
    sums = op.convolution(_bytes(pixels, 0, 255, 256), _bytes(op.constant(kernel), -most, most, 255), *_PLACED)
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": "1"}
    found = core.compile_model(ov.Model([sums], [pixels], "products"), "CPU", options)
    largest = found({0: np.full((1, channels, 1, 1), 255, np.float32)})[0]
    return 8 if np.all(largest == 255 * most * channels) else 7


_PLACED = ([1, 1], [0, 0], [0, 0], [1, 1])
"""A convolution's strides, padding before and behind, dilations."""


def _bytes(values: object, low: float, high: float, steps: int) -> object:
    ends = op.constant(np.float32(low)), op.constant(np.float32(high))
    return op.fake_quantize(values, *ends, *ends, steps)

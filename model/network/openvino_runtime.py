"""OpenVINO without its telemetry. Whatever needs OpenVINO imports it from here.

Importing OpenVINO reports that to Google Analytics, by an identifier that it writes into the home folder. It has no
setting for that but a file in the home folder. A package that is not there is nothing that OpenVINO needs: it then
sends nothing and writes nothing.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

# None in `sys.modules` is how Python marks a module that must not be imported; an import of it raises ImportError.
_modules: dict[str, Any] = sys.modules
_modules["openvino_telemetry"] = None

import openvino as ov  # noqa: E402
from openvino import opset13 as op  # noqa: E402

__all__ = ["op", "openvino_core", "ov"]


@functools.cache
def openvino_core() -> ov.Core:
    """Give the one core of this process, which lives as long as the process.

    Loading its plug-in gives the thread a stack for signals, and the end of the core takes that stack away. Where cores
    end in another order than they began, the thread is left with a stack that is gone, and the next signal kills the
    process (seen with OpenVINO 2026.4).
    """
    return ov.Core()

"""Runs an ONNX network of pictures: OpenVINO on a processor, ONNX Runtime on a GPU and where OpenVINO is not installed.

Nothing here has run on a GPU yet: the tests run ONNX Runtime on a processor.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from model.errors import DeviceLost, EngineMissing, WeightsError

__all__ = ["Hint", "Runtime", "load_runtime", "names_bf16"]

Hint = Literal["f32", "bf16"]


class Runtime(Protocol):
    """A network, loaded and ready.

    Attributes:
        name: Library, precision and device.
    """

    name: str

    def __call__(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run the network on its one input; return its one output."""


def load_runtime(content: bytes, *, device: str = "cpu", hint: Hint = "f32", threads: int = 0) -> Runtime:
    """Load a checked network with one input and one output (`model.onnx.onnx_file.parse_onnx`).

    Args:
        content: The network; its first dimension may be fixed to 1.
        device: `cpu` or `cuda`.
        hint: Precision on a processor.
        threads: Threads on a processor; 0 takes all cores.

    Raises:
        WeightsError: The library cannot run the network.
        EngineMissing: There is no library for this device.
    """
    try:
        if device == "cpu" and importlib.util.find_spec("openvino") is not None:
            return _OpenVino(content, hint, threads)
        return _OnnxRuntime(content, device, threads)
    except (EngineMissing, WeightsError):
        raise
    except Exception as error:  # both libraries raise errors of many types
        raise WeightsError(f"the network cannot be run ({' '.join(str(error).split())[:200]})") from error


def names_bf16() -> bool:
    """Whether OpenVINO computes in bf16 here. Limited to older instructions it lists bf16 too, and crashes."""
    from model.network.openvino_runtime import openvino_core

    limited = "ONEDNN_MAX_CPU_ISA" in os.environ
    return not limited and "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class _OpenVino:
    def __init__(self, content: bytes, hint: Hint, threads: int) -> None:
        from model.network.openvino_runtime import openvino_core

        core = openvino_core()
        graph = core.read_model(content)
        options = {
            "INFERENCE_PRECISION_HINT": hint,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": "1",
            "ENABLE_CPU_PINNING": False,  # with pinning all processes of a machine would use its first cores
        }
        self._alone = graph.inputs[0].partial_shape[0].is_static
        self._request = core.compile_model(graph, "CPU", options).create_infer_request()
        self.name = f"OpenVINO {'bf16' if hint == 'bf16' else 'fp32'} on {threads or 'all'} threads"

    def __call__(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        values = np.ascontiguousarray(values)
        parts = [values[n : n + 1] for n in range(len(values))] if self._alone else [values]
        found = [np.array(self._request.infer({0: part}, share_inputs=True)[0], np.float32) for part in parts]
        return np.concatenate(found)


class _OnnxRuntime:
    def __init__(self, content: bytes, device: str, threads: int) -> None:
        try:
            import onnxruntime as ort
        except ImportError as error:
            wanted = "onnxruntime-gpu" if device == "cuda" else "onnxruntime"
            raise EngineMissing(f"weights made of ONNX need on this device: pip install {wanted}") from error
        provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
        if provider not in ort.get_available_providers():
            raise EngineMissing("weights made of ONNX need on a GPU: pip install onnxruntime-gpu")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(content, options, providers=[provider])
        entry = self._session.get_inputs()[0]
        self._entry, self._alone = entry.name, entry.shape[0] == 1
        self._device = device
        self.name = f"ONNX Runtime fp32 on {device}"

    def __call__(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        parts = [values[n : n + 1] for n in range(len(values))] if self._alone else [values]
        try:
            found = [np.asarray(self._session.run(None, {self._entry: part})[0], np.float32) for part in parts]
        except Exception as error:
            if self._device == "cuda":
                raise DeviceLost(str(error).partition("\n")[0]) from error
            raise
        return np.concatenate(found)

"""The engine for a device: OpenVINO on a processor, torch on a GPU and wherever OpenVINO is not installed.

An ONNX network has an engine of its own.
"""

from __future__ import annotations

from pathlib import Path

from model.errors import EngineMissing, WeightsError
from model.extras import installed
from model.network.architecture import ONNX
from model.network.engine import Engine, Precision
from model.network.weights_file import WeightsInfo, load_network, load_tensors, read_info

__all__ = ["load_engine"]


def load_engine(
    path: Path, *, device: str = "cpu", precision: Precision = "auto", threads: int = 0, batch: int = 0
) -> tuple[Engine, WeightsInfo]:
    """Load a weights file into the engine for a device. On a processor with OpenVINO torch is not imported.

    Args:
        path: The weights file.
        device: `cpu` or `cuda`.
        precision: Of the convolutions.
        threads: Threads on a processor; 0 takes all cores.
        batch: The largest batch, for a GPU, which records its work; 0 chooses the size by measuring.

    Raises:
        WeightsError: The file cannot be used.
        EngineMissing: No installed engine has that precision on that device.
    """
    if read_info(path).architecture == ONNX:
        from model.onnx.engine import OnnxEngine

        tensors, info = load_tensors(path)
        try:
            return OnnxEngine(tensors, info, device=device, precision=precision, threads=threads), info
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from error
    if device == "cpu" and installed("openvino"):
        from model.network.openvino_engine import OpenVinoEngine

        tensors, info = load_tensors(path)
        try:
            return OpenVinoEngine(tensors, info, precision=precision, threads=threads), info
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from error
    if precision == "int8" or (precision == "bf16" and device == "cpu"):
        raise EngineMissing(f"{precision} on {device} needs OpenVINO: pip install openvino, or choose auto or fp32")
    if not installed("torch"):
        instead = "" if device == "cuda" else "OpenVINO (pip install openvino) or torch: "
        raise EngineMissing(f"the network on {device} needs {instead}pip install 'oshiwake[gpu]'")
    network, info = load_network(path)
    if device == "cuda":
        from model.network.cuda_engine import CudaEngine

        return CudaEngine(network, info.preprocessing.size_px, precision=precision, batch=batch), info
    from model.network.torch_engine import TorchEngine

    return TorchEngine(network, precision=precision, threads=threads), info

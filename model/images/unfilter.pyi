import numpy as np
from numpy.typing import NDArray

def unfilter(raw: bytes, pixels: NDArray[np.uint8], width: int, channels: int) -> bool: ...

"""How many pictures one core draws in a second of its own time, whatever else the machine does meanwhile.

python benchmarks/synthesis.py [pictures] [size_px]
"""

import sys
import time

from model.synthesis import Identity, draw


def measure(pictures: int, size_px: int) -> float:
    """Pictures per second of processor time, characters made beforehand, eight pictures of each."""
    identities = [Identity.from_seed(seed) for seed in range(-(-pictures // 8))]
    for identity in identities[:4]:
        draw(identity, 0, size_px)
    start_s = time.process_time()
    for number in range(pictures):
        draw(identities[number // 8], number % 8, size_px)
    return pictures / (time.process_time() - start_s)


if __name__ == "__main__":
    count, side_px = (int(word) for word in [*sys.argv[1:], *("800", "128")[len(sys.argv) - 1 :]])
    print(f"{measure(count, side_px):.0f} pictures a second at {side_px} px, one core")

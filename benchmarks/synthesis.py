"""How many pictures a second one core draws.

python benchmarks/synthesis.py [pictures] [size_px]
"""

import sys
import time

from model.synthesis import Identity, draw


def measure(pictures: int, size_px: int) -> float:
    """Pictures a second, characters made beforehand, eight pictures of each."""
    identities = [Identity.from_seed(seed) for seed in range(-(-pictures // 8))]
    for identity in identities[:4]:
        draw(identity, 0, size_px)
    start_s = time.perf_counter()
    for number in range(pictures):
        draw(identities[number // 8], number % 8, size_px)
    return pictures / (time.perf_counter() - start_s)


if __name__ == "__main__":
    count, side_px = (int(word) for word in [*sys.argv[1:], *("800", "128")[len(sys.argv) - 1 :]])
    print(f"{measure(count, side_px):.0f} pictures a second at {side_px} px, one core")

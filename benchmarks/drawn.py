"""Training from scratch on drawn characters: identities never seen in the test.

    python benchmarks/drawn.py OUTPUT [--resume]

Trains by `recipes/drawn.toml`, then measures 200 characters of other seeds with 12 pictures each, all pairs: first
drawn as the recipe draws them (the set is described there), then in full variety, with sketches, monochromes, company,
frames and heavy light. Tells wall time and processor time: on a machine that does other things the second one counts.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

RECIPE = Path(__file__).parents[1] / "model" / "recipes" / "drawn.toml"
CHARACTERS = 200


def main() -> None:
    """Train, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--resume", action="store_true", help="go on with a training that was stopped")
    options = parser.parse_args()
    start_s = time.monotonic()
    run = options.output / "run"
    reid("train", "--config", RECIPE, "--output", run, "--half", *(["--resume"] if options.resume else []))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall_s, cores_s = time.monotonic() - start_s, used.ru_utime + used.ru_stime
    print(f"trained in {wall_s / 60:.1f} minutes, {cores_s / 60:.1f} minutes of one core", flush=True)
    for name, like in (("report", ["--config", RECIPE]), ("report-hard", [])):
        given = ["--drawn", CHARACTERS, *like, "--weights", run / "weights.safetensors", "--all-pairs-up-to", 5000]
        reid("evaluate", *given, "--output", options.output / name)


def reid(*words: object) -> None:
    """Run the command line, and stop when it fails."""
    subprocess.run([sys.executable, "-m", "model.cli", *(str(word) for word in words)], check=True)


if __name__ == "__main__":
    main()

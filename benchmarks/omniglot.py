"""Training from scratch on Omniglot: handwritten glyphs, classes never seen in the test.

    python benchmarks/omniglot.py OUTPUT [--data FOLDER] [--minutes 60]

Unpacks the two small background sets of brendenlake/omniglot (MIT) into OUTPUT/glyphs, one folder per class, writes a
manifest with 145 classes for training, 48 for development and 49 for the test, then trains by `recipes/omniglot.toml`
and measures the test classes, all through `reid`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from model.dataset.manifest import write_manifest
from model.dataset.scan import scan_folders
from model.dataset.split import split_entries

DATA = Path(__file__).parents[2] / "shared" / "data" / "omniglot"
RECIPE = Path(__file__).parents[1] / "model" / "recipes" / "omniglot.toml"


def main() -> None:
    """Unpack, train, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"{options.data} is not there")
    manifest = prepare(options.data, options.output)
    start = time.monotonic()
    run = options.output / "run"
    reid("train", "--config", RECIPE, "--manifest", manifest, "--output", run, "--resume")
    print(f"trained in {(time.monotonic() - start) / 60:.1f} minutes", flush=True)
    reid(
        "evaluate",
        manifest,
        "--split",
        "test",
        "--weights",
        run / "weights.safetensors",
        "-o",
        options.output / "report",
    )


def prepare(data: Path, output: Path) -> Path:
    """Unpack the glyphs and write the manifest.

    The two sets share alphabets; a class is named by alphabet and character, so that it comes once.
    """
    glyphs = output / "glyphs"
    for archive in sorted(data.glob("*.zip")):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                if name.endswith(".png") and not name.startswith("__"):
                    alphabet, character, file = Path(name).parts[-3:]
                    path = glyphs / f"{alphabet} {character}" / file
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(opened.read(name))
    # Contents are not compared as `settle` does: two drawers may have drawn the same few pixels.
    entries = split_entries(scan_folders(glyphs).entries, (145, 48, 49), seed=1)
    write_manifest(output / "manifest.parquet", entries)
    return output / "manifest.parquet"


def reid(*words: object) -> None:
    """Run the command line, and stop when it fails."""
    subprocess.run([sys.executable, "-m", "model.cli", *(str(word) for word in words)], check=True)


if __name__ == "__main__":
    main()

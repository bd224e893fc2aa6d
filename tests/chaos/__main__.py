"""`python -m tests.chaos --kills 200 --pictures 2000 --seed 1`: the long form, with a result in JSON."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

from tests.chaos.campaign import Campaign
from tests.conftest import save_small_weights


def main() -> int:
    """Run it; exit code 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many in all")
    parser.add_argument("--pictures", type=int, default=2000, help="of the archive")
    parser.add_argument("--per-round", type=int, default=10, help="kills in one run at most")
    parser.add_argument("--seed", type=int, default=None, help="the same faults again; default: a new one")
    parser.add_argument(
        "--folder", type=Path, default=Path("chaos"), help="scratch folder; what is drawn there is kept"
    )
    parser.add_argument("--round", type=int, help="only this round of the seed, e.g. 7")
    parser.add_argument("--json", type=Path, help="write the result here as well")
    args = parser.parse_args()
    seed = random.randrange(10**6) if args.seed is None else args.seed
    folder = args.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    weights = save_small_weights(folder / "small.safetensors")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print(f"seed {seed}, {args.kills} kills over {args.pictures} pictures")
    campaign = Campaign(folder, weights, args.pictures, seed)
    start = time.monotonic()
    tally = campaign.tally
    number = args.round or 0
    while tally.total < args.kills:
        campaign.round(number, min(args.per_round, args.kills - tally.total))
        took_s = time.monotonic() - start
        left_s = max(0.0, (args.kills - tally.total) * took_s / max(1, tally.total))
        print(
            f"{tally.total} of {args.kills} kills, {took_s:.0f} s, about {left_s:.0f} s left", *tally.found, sep="\n  "
        )
        result = {"seed": seed, "pictures": args.pictures, "total": tally.total, "wall_s": round(took_s), **vars(tally)}
        text = json.dumps(result, indent=1, ensure_ascii=False)
        if args.json:
            args.json.write_text(text + "\n", encoding="utf-8")
        if args.round is not None:
            break
        number += 1
    print(text)
    return 1 if tally.found else 0


if __name__ == "__main__":
    sys.exit(main())

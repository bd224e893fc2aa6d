"""Entry point of `producer`: a Ctrl-C during loading ends it with one line, as a later one does."""

import sys

__all__ = ["main"]


def main() -> None:
    """Load the command line and run it."""
    try:
        from producer.cli import main as run

        run()
    except KeyboardInterrupt:
        print("producer: interrupted", file=sys.stderr)  # noqa: T201 - this is the command line
        sys.exit(130)


if __name__ == "__main__":
    main()

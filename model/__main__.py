"""Entry point of `reid`. Ctrl-C during loading ends it with one line, as later."""

import sys

__all__ = ["main"]


def main() -> None:
    """Load the command line and run it."""
    try:
        from model.cli.main import main as run

        run()
    except KeyboardInterrupt:
        print("reid: interrupted", file=sys.stderr)  # noqa: T201 - this is the command line
        sys.exit(130)


if __name__ == "__main__":
    main()

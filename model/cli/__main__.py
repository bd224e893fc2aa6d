"""`python -m model.cli`, for torchrun."""

from model.cli.main import main

main()

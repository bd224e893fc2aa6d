"""Everything else stands in pyproject.toml."""

import tempfile

from setuptools import setup

# Each build begins with nothing: setuptools would put what an earlier one has left in build/ into the wheel as well.
with tempfile.TemporaryDirectory() as folder:
    setup(options={"build": {"build_base": folder}})

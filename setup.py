"""Packages of the distribution; everything else is in pyproject.toml.

The settings stand in ``configs/`` at the top, where a user edits them, and go into a wheel as
``mocogan_chainer/configs/``.
"""

from setuptools import find_namespace_packages, find_packages, setup

SETTINGS = "mocogan_chainer.configs"

setup(
    packages=[
        *find_packages(include=["mocogan_chainer", "mocogan_chainer.*"]),
        SETTINGS,
        *(f"{SETTINGS}.{folder}" for folder in find_namespace_packages("configs")),
    ],
    package_dir={SETTINGS: "configs"},
    package_data={"": ["*.yml", "*.cuh"]},
)

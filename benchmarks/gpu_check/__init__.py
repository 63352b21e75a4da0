"""Everything of the GPU backend, tried and timed on a device within a few minutes; see ``__main__.py``."""

"""Damaged inputs for every reader: the outcome is a result or one of the project's own errors, within limits."""

from tests.fuzzing import arrays, datasets, pictures, records, settings

READERS = (*settings.READERS, *datasets.READERS, *arrays.READERS, *pictures.READERS, *records.READERS)

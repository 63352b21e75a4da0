"""How many numbers a training step holds."""

import gc
import tracemalloc

FLOAT_BYTES = 4


def most_floats(updater):
    """The most numbers held at once in a step, beside what stays from step to step."""
    tracemalloc.start()
    try:
        updater.update()  # gradients are there now, and the backend's forms of weights
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        updater.update()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (most - before) / FLOAT_BYTES

"""Networks trained to tell videos apart, whose features metrics and losses compare.

Each has a file of its own. They read the published weight files, and normalizations are folded into the convolutions
before them: they are never trained here.
"""

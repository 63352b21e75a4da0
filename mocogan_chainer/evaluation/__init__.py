"""Metrics as named protocols.

The numerics, each in a module of its own, take features, class probabilities or frames and know no network. What they
gather of many videos can be pickled and merged, so that several processes can share the work. How a number was made is
a :class:`~mocogan_chainer.evaluation.protocol.Protocol`, and what it came to a
:class:`~mocogan_chainer.evaluation.result.Result`.
"""

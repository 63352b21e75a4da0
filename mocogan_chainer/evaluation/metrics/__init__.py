"""Each metric from sets of videos, or from their features, to a :class:`~mocogan_chainer.evaluation.result.Result`."""

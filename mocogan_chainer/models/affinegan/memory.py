"""What a training step of AffineGAN keeps for its backward pass."""


def activation_floats(**k):
    return 0

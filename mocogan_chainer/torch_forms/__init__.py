"""The parts of reading and writing PyTorch's files; :mod:`mocogan_chainer.torch_files` is the way in.

Each form (zip, legacy) gives the pickled structure as plain data and a way to read a storage's bytes. Nothing that
a file names is ever imported or called, and what a file may ask for is limited by what it holds.
"""

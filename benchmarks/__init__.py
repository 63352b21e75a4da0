"""Our speed compared with PyTorch's: see README.md."""

"""Our speed beside PyTorch's: see README.md."""

"""The commands: argparse, then a call into the toolkit."""

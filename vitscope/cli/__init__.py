"""The command line: one small module per command, put together in `app`.

A command parses its options, imports what it needs when it runs, calls one function and prints the answer. Results go
to stdout, everything else to stderr. Nothing here imports torch, numpy, Textual or Matplotlib before a command runs.
"""

from vitscope.cli.app import app, main

__all__ = ["app", "main"]

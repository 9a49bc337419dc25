"""Training of the six small ViTs, each by its own method's objective: `python -m vitscope.demo.train`."""

"""A view, printed or kept: `table` for a terminal, `data` for scripts, `figure` for papers."""

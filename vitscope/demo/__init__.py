"""The embedded world, six small ViTs trained on it under six kinds of supervision, and the script that trained them."""

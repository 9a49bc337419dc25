"""Names and checkpoint files → an eval model with its attention tapped."""

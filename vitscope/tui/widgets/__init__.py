"""The widget that puts a surface on the terminal."""

"""Folders of images → records → pixels. Pillow and numpy only, never torch."""

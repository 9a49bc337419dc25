"""vitscope: look inside Vision Transformers from a terminal."""

__version__ = "0.1.0"

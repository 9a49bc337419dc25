"""From the dataset means of attention to every number and map that is shown. numpy only, pure functions.

The dimension legend: L layers, H heads, T all tokens (prefix first), P patches, R rows, C columns of the patch grid.
"""

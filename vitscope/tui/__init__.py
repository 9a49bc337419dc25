"""The browser: Textual over `store` and `derive`.

state      where one is, and what every key does to it        (pure)
library    what a page needs from the cache, and what became of it
readers    how each of these things is read                   (in a worker thread)
render     arrays into characters and colours                 (no Textual)
screens    one function a page: place and numbers to a surface (no Textual)
widgets    the one Textual widget that puts a surface on the terminal
stage      drawing in time, clicks, signals
app        keys, workers
"""

"""The browser: Textual over `store` and `derive`.

start       opens the browser where it was left or told to; headless draws its pages without a terminal
state       where one is; place: the same in words, with aspects for what stands after the question mark  (pure)
bindings    every key with what it is called and does; keys: what a press becomes; moves: what most of them do  (pure)
finding     heads by what they do, with queries, searching and census; comparing and side: models beside each other;
            features, panels, gallery: what the pages of those names turn  (pure)
command     the line after ":"; prompt: a line that is being typed  (pure)
library     what a page needs from the cache and what became of it; needs: which page needs what; book: all of it
readers     how each of these things is read  (in a worker thread); growth: what has changed in the cache
live        the process with a model, for images that are opened; opening: what is asked of it
exporting   what is on the screen as a file; onscreen: pages that `show` does not have
memory      what is remembered from one start to the next; keymap: keys of one's own
render      arrays into characters and colours  (no Textual)
screens     one function a page: place and numbers to a surface  (no Textual)
widgets     the one Textual widget that puts a surface on the terminal; gate: frames that a slow line has shown
stage       drawing in time, clicks, signals
app         keys, workers
"""

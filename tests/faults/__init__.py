"""The fault suite: what is done to vitscope, and what must become of it. It mirrors no package, unlike other folders.

Every case ends in the right result or in one clear sentence, and nothing that was finished is lost. A test says through
the fixture `tried` what it has tried and how that ended; `python -m tests.faults` runs them all, together with those in
other folders that belong here (`tests.faults.table`), and prints how many ended how.
"""

"""Schemes and attacks that were written to fool the testbed, and what becomes of each.

A plug-in may come from somebody with an interest in its result. Each cheat here once had its way,
or would have: it stays, and its test says how it ends now.

- ``schemes.py`` holds the cheating schemes, one class each; its docstring says what it pretends.
- ``world.py`` evaluates one as a user would, with the standard suite, on a small population that is
  drawn, and says how the cell ends.
- ``test_*.py`` hold what is expected. A scheme that hides where the embedding is must end
  *Broken*; what else may be expected of a cheat is a failed cell or a flag, never silence.

To add one: write the class, give it a line of its own in the test, and make sure first that the
test fails without what is to catch it.
"""

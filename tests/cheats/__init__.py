"""Schemes and attacks that were written to fool the testbed, and what becomes of each.

A plug-in may come from somebody with an interest in its result. Each cheat here once had its way,
or would have: it stays, and its test says how it ends now.

- Schemes: ``hiding.py`` (the embedding in a disguise), ``remembering.py`` (it lies elsewhere),
  ``answering.py`` (answers that depend on who asks), ``lying.py`` (about themselves),
  ``patching.py``.
- Attacks: ``reaching.py`` (memory), ``patching_*.py``, ``carrying.py`` (from fold to fold),
  ``claiming.py`` (about themselves), ``looking_up.py`` (what anybody may read).
- ``world.py`` evaluates one as a user would, on a small population that is drawn, and says how the
  cell ends; ``pictures.py`` is a world of pictures.
- ``test_endings.py`` is the table of all of them; docs/trust.md shows it. ``test_self_reports.py``
  looks closer at what schemes say of themselves, ``test_adversarial.py`` at pictures that only the
  target believes, ``test_honest.py`` at ours.

To add one: write the class, give it a line in the table, and make sure first that the test fails
without what is to catch it. What gets through all the same is an ``xfail`` with the reason, and a
line in docs/trust.md.
"""

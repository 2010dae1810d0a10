"""Template-protection schemes: one file per scheme; they import fowh and nothing else here."""

"""Records: observations to record, store, flags."""

"""The contract suite by kind, also for third parties."""

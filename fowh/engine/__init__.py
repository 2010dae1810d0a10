"""One cell, a straight line."""

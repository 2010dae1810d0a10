"""Parts of the image inverter (attacks/gan.py)."""

"""Parts of the image inverter (attacks/morph_gan.py)."""

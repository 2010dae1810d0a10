"""Parts of the inverter that learns from several versions of the target (attacks/gan.py)."""

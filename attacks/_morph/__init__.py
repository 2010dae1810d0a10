"""Parts of the inverter of one model (attacks/morph_gan.py); the versions' GAN shares some."""

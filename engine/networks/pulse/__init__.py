"""A vocoder that filters pulses and noise, frame by frame."""

"""HiFT, the published vocoder: mel -> audio, by a harmonic source and an inverse short-time Fourier transform."""

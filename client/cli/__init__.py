"""The command line `python -m client`: `say`, `voices`, `voice`, `info`, `doctor`."""

"""Every number in the README and the docs comes from a command here; each prints the machine beside its figures."""

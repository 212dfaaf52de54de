"""What every server needs to know of its address: whether it may stand open, its certificates, files that change."""

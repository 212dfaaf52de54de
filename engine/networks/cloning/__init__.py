"""The networks that hear a recording: who speaks, and which speech tokens it consists of. Only cloning needs them."""

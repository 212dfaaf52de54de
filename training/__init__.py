"""How the embedded voice was made: texts, the teacher's renderings, training, and an independent judge."""

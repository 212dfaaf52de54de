"""How soon does the first sound come, and how long does each stage take?"""

"""How many utterances run at once, for how long, in how much memory, and what happens beyond that?"""

"""Does playback go on without a break, and which parts of the design does that take?"""

"""Does the engine speak as the reference implementation does, in every form of the flow and every arithmetic?"""

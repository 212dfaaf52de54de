"""Is text that people write read out as a person would read it?"""

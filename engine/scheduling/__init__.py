"""Which work is done next: utterances, their deadlines, the sizes of windows, and how many utterances are let in.

The rules are pure logic over facts and estimates, without torch and without a network.
"""

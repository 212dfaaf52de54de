"""The work of the stages: `text` cuts and prepares text, `t3` turns it into speech tokens, `flow` tokens into mel,
`vocoder` mel into audio.

They share the scheduler and nothing else. T3 waits for the flow only where ledgers are full; the flow waits for its
tokens and their lookahead, and for the vocoder only where the audio channel is full. Which threads do the work is the
engine's choice; on few cores, a stage that works alone uses them all. All threads wait on the scheduler's lock; an
exception of one utterance ends that utterance alone. What is a stage's own fault ends the engine (breakdown.py).
"""

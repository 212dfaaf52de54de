"""What the workers own: text -> speech tokens (`T3Stage`) -> mel (`FlowStage`) -> audio (`VocoderStage`).

They join networks, voices and addressed randomness; they know no thread and no queue. Flow and vocoder are functional:
they return the state that follows and leave the one given as it was.
"""

"""The networks as pure functions of input and state: T3, the flow, the vocoders, and what they share."""

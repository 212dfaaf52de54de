"""The gRPC service: the wire on one side, the engine's messages on the other. asyncio, no torch."""

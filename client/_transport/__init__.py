"""Calls to the service: channels with their TLS and tokens, the thread that reads a call, the probe of the clocks."""

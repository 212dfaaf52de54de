"""The calls of the contract: requests are checked, an utterance's session runs, responses are encoded."""

"""Where utterances are spoken: by an engine in this process, or by engine servers in other processes and machines."""

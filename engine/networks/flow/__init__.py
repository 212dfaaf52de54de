"""The flow: speech tokens -> mel, by an encoder and an estimator that runs several times for each window."""

"""For all tests: signals as a person's shell would leave them."""

import signal

# A run that was started in the background ignores SIGINT, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

"""What the service tells about itself: metrics for Prometheus, traces, and how late its event loop is."""

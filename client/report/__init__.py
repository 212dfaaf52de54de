"""What an analysed utterance looks like: tables in a terminal, a web page, a timeline, a trace for Perfetto."""

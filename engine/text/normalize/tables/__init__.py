"""What is written and what is said for it: data of the normaliser's rules, one file a subject."""

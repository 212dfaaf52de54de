"""What runs in the reference's own interpreter (.venv-reference): nothing here may import `engine`."""

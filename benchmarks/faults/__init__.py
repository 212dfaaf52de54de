"""What happens when something breaks: in a stage, on the device, in the file system, or in a caller's message?"""

"""What does a caller notice while another one attacks the service?"""

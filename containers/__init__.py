"""What a voice's software runs in: environments as data, and images written without an engine"""

"""What the machine asks for: processes, memory, faster products."""

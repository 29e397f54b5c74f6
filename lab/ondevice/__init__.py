"""The C++ runner that goes to a device, its build, and what it says."""

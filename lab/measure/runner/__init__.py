"""The engine that is ours: lab's runner on a device, how it is called and what it answers."""

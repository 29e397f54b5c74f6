from tests.disks import home, read_only, tiny_disk

__all__ = ["home", "read_only", "tiny_disk"]

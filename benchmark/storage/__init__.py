"""Bytes on disk: digests, the object store, strict archives, the machine's name."""

"""A stranger's package of plug-ins, for the tests."""

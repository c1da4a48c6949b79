"""The papers' tables, printed numbers beside measured ones."""

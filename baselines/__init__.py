"""The systems the papers compare with, one file each; nothing here imports repro."""

"""Runs done as jobs: one after another, side by side on one machine, or over Ray on many."""

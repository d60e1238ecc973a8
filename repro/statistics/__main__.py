"""`python -m repro.statistics` prints docs/power.md."""

from repro.statistics.power import page

if __name__ == "__main__":
    print(page(), end="")

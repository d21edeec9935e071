"""The programs that are measured: each runs in a process of its own, and does one burst for each line that it reads."""

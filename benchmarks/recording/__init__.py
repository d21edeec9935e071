"""What the bars of recording are measured with; `record.py` beside this folder is the command."""

"""What the names of columns mean: spellings folded into one, the usual ones known in Chinese and English.

What is not understood is named, never guessed and never left out in silence.
"""

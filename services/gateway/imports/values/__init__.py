"""Cells as amounts and dates, as people in China and elsewhere write them; what is ambiguous is refused."""

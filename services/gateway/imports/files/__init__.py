"""Files as tables: CSV in any encoding and spreadsheets become a header and rows of text, in little memory.

Whatever is wrong with a file is said; whatever is wrong with a row leaves the other rows as they are.
Spreadsheets are read in a process of their own (`spreadsheet_job`), within limits of memory and time.
"""

"""One spelling for what people write in many: phones, e-mail addresses, company names, credit codes.

Owns how each is read and refused, and nothing stored; publishes nothing.
Consumes nothing: whoever stores, compares or searches contact data asks here.
"""

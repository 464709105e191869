"""The limits: the least that could do the same work, each as small as it can be written.

They work in a database and topics of their own on the servers of the copy that is measured.
"""

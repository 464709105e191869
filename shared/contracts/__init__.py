"""The only knowledge that services have of one another: their events, one module per publishing service.

Imports nothing else of ours. Within a version there are only additions; a test holds every schema against the
last released one.
"""

"""The four services on real sockets in one process, and a vocabulary to speak to them with."""

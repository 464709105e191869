"""The four services; they never import each other and meet only in `shared.contracts` and over HTTP."""

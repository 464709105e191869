"""Who was shown contact data of which leads, by which answer: never changed, never deleted by the product.

Owns `contact_reads`; publishes nothing.
Consumes nothing: what shows such data tells it by way of `shared.web.disclosures`.
"""

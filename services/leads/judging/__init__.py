"""What leads are worth: class, intent and score, whether there is a customer to be, how well their data is
kept, and amounts in the tenant's currency.
"""

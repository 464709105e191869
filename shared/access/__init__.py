"""Who asks and what they may see: principals, service tokens, the directory of people, visibility.

Owns the tables `org_*` of each service's database; publishes nothing; consumes cox.org.
"""

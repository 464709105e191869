"""What becomes of a lead in somebody's hands: pipelines and their stages, the first response, what was done
and when, and rules that act by themselves.
"""

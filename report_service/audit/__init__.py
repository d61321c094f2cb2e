"""The audit of reports, templates and webhooks: whose calls were denied, and who read that.

The database takes new entries and lets nobody change or remove one.
"""

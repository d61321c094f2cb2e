"""Webhooks: other systems are told when reports and batches end.

    a report or batch ends ──> webhook_deliveries      a trigger, in the same transaction
                                PENDING ──> DELIVERED
                                  ^  └────> FAILED     after a day of trying, or at once if GONE
                                  └── again, with full-jitter back-off

The courier sends what is due as a signed POST (Standard Webhooks), through a door that leads to public
hosts and to networks allowed by name.
"""

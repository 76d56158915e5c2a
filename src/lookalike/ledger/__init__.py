"""What the service remembers beside its collections: uploads under way, idempotency keys, tickets."""

"""Bytes that come from clients straight into storage, by an upload's id, before anybody has looked at them."""

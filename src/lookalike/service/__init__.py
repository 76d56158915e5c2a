"""The service: HTTP and WebSocket around collections."""

"""The WebSockets: queries in and hits out, and what happens to jobs."""

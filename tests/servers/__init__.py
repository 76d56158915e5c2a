"""Real servers, each started once for all tests that need it."""

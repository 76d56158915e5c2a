"""Pictures that the demo draws by itself, so that there is something to search at once."""

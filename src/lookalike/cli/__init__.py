"""The command line: parse, call one thing, render. No decisions."""

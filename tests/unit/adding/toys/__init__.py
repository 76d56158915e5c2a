"""What a newcomer would write, one file each."""

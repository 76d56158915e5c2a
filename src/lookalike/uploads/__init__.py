"""Pictures that clients bring straight to storage: taken in provisionally, then verified."""

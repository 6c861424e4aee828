"""The app on recorded trades."""

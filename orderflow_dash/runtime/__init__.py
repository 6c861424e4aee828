"""What any long-running service needs; knows no market."""

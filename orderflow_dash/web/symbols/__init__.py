"""The symbol table."""

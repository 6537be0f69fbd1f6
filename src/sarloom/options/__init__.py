"""What can be asked of each command, declared once as option tables."""

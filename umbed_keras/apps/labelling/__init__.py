"""What a program in which people label needs, whatever it draws with."""

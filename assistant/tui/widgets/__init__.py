"""What screens are made of. Widgets show values and say what was pressed; they call nothing that can block."""

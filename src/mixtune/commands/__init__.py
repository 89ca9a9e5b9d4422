"""What can be typed after `mixtune`: a module a command, with its arguments and its function."""

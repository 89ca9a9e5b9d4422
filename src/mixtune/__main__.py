"""`python -m mixtune`: the command `mixtune`."""

from .cli import program

if __name__ == "__main__":
    program()

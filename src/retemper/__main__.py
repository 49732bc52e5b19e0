"""``python -m retemper``: the program, where the command is not on the path."""

from retemper.cli.main import main

if __name__ == "__main__":
    main()

"""`python -m rotavatar_cli`: the command `rotavatar`."""

from rotavatar_cli.main import main

if __name__ == "__main__":
    main()

"""What a machine needs before anything of ours can run; standard library only."""

"""What the trials that kill processes say when the log did not keep its word."""


class PromiseBroken(Exception):
    pass


def demand(holds: bool, what: str) -> None:
    if not holds:
        raise PromiseBroken(what)

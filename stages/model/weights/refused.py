"""The error of every reader in this folder."""


class Refused(Exception):
    """A file that is not read; the text says why, for people."""


# More than any pretrained base; what claims more is damaged or means harm.
MOST_BYTES = 4 << 30


def check_total(tensors):
    """Refuses names that are there twice and sizes beyond all reason."""
    names = set()
    for tensor in tensors:
        if tensor.name in names:
            raise Refused(f"tensor {tensor.name!r} is there twice")
        names.add(tensor.name)
    total = sum(tensor.size() for tensor in tensors)
    if total > MOST_BYTES:
        raise Refused(f"its tensors claim {total} bytes, more than "
                      f"{MOST_BYTES}")
    if not tensors:
        raise Refused("it holds no tensors")
    return tensors

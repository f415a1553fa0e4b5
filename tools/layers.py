"""Which part of the code may use which: for check-style (what is included) and check-symbols (what the linker needs).

The plan is in docs/architecture.md. Arrows point down only: a folder uses itself and what is listed for it.
"""

_FORMAT = {"base", "format"}
_PROTOCOL = {"protocol", *_FORMAT}
_LOG = {"log", "object_store", *_PROTOCOL}
_READ = {"read", *_LOG}
_APPEND = {"append", *_LOG}
_CONSUME = {"consume", *_READ}
_REPLICATE = {"replicate", *_APPEND, *_READ}
_MAINTAIN = {"maintain", *_CONSUME, *_APPEND}
_PRODUCT = _REPLICATE | _MAINTAIN

# The folders of src/.
MAY_USE = {
    "base": set(),
    "format": {"base"},
    "protocol": _FORMAT,
    "object_store": {"base"},
    "log": _LOG,
    "append": _APPEND,
    "read": _READ,
    "replicate": _REPLICATE,
    "consume": _CONSUME,
    "maintain": _MAINTAIN,
    "bindings": {"consume", "append", "read", "object_store", "base"},
    "exporter": _PRODUCT,
}

# The folders beside src/, which none of src/ may use. The command stands on the public headers alone.
PROGRAMS = {
    "testing": _PRODUCT,
    "bench": {"testing", *_APPEND, *_READ},
    "cli": {"bench"},
    "fuzz": {"cli", "testing", "object_store", *_FORMAT},
    "sim": {"testing", *_PRODUCT},
}

# The folder that implements a public header.
PUBLIC_HEADERS = {
    "consumer": "consume", "cursor": "consume", "doctor": "object_store", "event": "append", "exporter": "exporter",
    "inspect": "maintain", "metrics": "base", "mirror": "replicate", "point_reader": "read", "reader": "read",
    "repair": "maintain", "result": "base", "retention": "maintain", "store": "object_store", "varve": "bindings",
    "writer": "append",
}

# Symbols that are needed from above today: (source, source that defines it). The list only gets shorter.
KNOWN_UPWARD_SYMBOLS = {
    ("append/writer.cc", "replicate/standby.cc"),
}


def folder_of(path: str) -> str:
    """Of a path below src/, the part that it belongs to: "object_store" of "object_store/file/listing.cc"."""
    return path.split("/")[0]

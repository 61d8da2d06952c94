"""The addresses that the service answers: the parts that every route and name check shares."""

PREFIX = r"/(?:person_count/)?"  # of every route: clients may repeat the base URL's last part
SUFFIX = "/?"
METHODS = ("get", "post", "put", "delete")

# a visitor on this machine may use these names
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

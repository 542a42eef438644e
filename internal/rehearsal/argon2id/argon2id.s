// Functions without a body, as those that go:linkname finds, need an assembly file beside them.

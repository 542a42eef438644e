package store

// ExecForTest does what no method does.
func (t *Tx) ExecForTest(query string) error {
	_, err := t.exec("test", query)
	return err
}

// Suits is suits.
func Suits(version int, encoding string) error { return suits(version, encoding) }

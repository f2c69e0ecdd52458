package config

// Worker is the part that reads the sources.
type Worker struct {
	// Database is the database's address with a log-in that does not own it, for the worker and for
	// every command but migrate. Zero: [Config.Database].
	Database Credential
}

// worker reads the worker's section; private is true without a database of the operator's own.
func (v value) worker(private bool) Worker {
	s := v.section()
	defer s.end()
	w := Worker{Database: s.database()}
	if private && !w.Database.IsZero() {
		s.faultf("has a database for the worker, while the replica itself has none; give `database` too, or remove both")
	}
	return w
}

package source

// Waiter is implemented by sources that hold requests back while the source asks for patience.
type Waiter interface {
	// Waiting returns why requests are held back now, and in [Failure.After] for how much longer;
	// nil: they are not.
	Waiting() *Failure
}

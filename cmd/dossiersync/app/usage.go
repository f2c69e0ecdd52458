package app

import "fmt"

// UsageError is a mistake in how a command was called or configured. The program exits
// with code 2.
type UsageError struct{ Err error }

// Usagef returns a [UsageError].
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Error implements error.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the mistake.
func (e UsageError) Unwrap() error { return e.Err }

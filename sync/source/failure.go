package source

import (
	"errors"
	"fmt"
	"time"
)

// FailureKind sorts what can go wrong with a source. It is decided once, by the
// source; nobody else looks at status codes.
type FailureKind string

// The kinds of failure.
const (
	// Unreachable: no answer, or a broken one: refused, timed out, cut off, 5xx.
	Unreachable FailureKind = "unreachable"
	// Throttled: the source asks for patience (429, 503 with Retry-After), and
	// waiting as long as it asked was not possible within one slice.
	Throttled FailureKind = "throttled"
	// BreakerOpen: not asked at all, after too many failures.
	BreakerOpen FailureKind = "breaker-open"
	// Unauthorized: 401 or 403. Confirms nothing about any record.
	Unauthorized FailureKind = "unauthorized"
	// NotFound: the record does not exist (404) or no longer (410).
	NotFound FailureKind = "not-found"
	// Expired: a page's link is no longer valid (410); the window starts anew.
	Expired FailureKind = "expired"
	// Unsupported: the source does not know this type or parameter.
	Unsupported FailureKind = "unsupported"
	// Invalid: an answer that is not what the protocol says.
	Invalid FailureKind = "invalid"
	// WrongVersion: the source speaks another version of the protocol.
	WrongVersion FailureKind = "wrong-version"
)

// Failure is the error of a source that could not answer. Its text is for
// operators, and holds neither personal data nor secrets: no URL's query, no
// body.
type Failure struct {
	Kind   FailureKind
	Act    string        // what was tried: "search Observation"
	Status int           // HTTP status; 0: none
	After  time.Duration // how long the source asks to wait; 0: it does not say
	Err    error         // the cause, without personal data
}

// Error implements error.
func (f *Failure) Error() string {
	s := fmt.Sprintf("%s: %s", f.Act, f.Kind)
	if f.Status != 0 {
		s += fmt.Sprintf(" (HTTP %d)", f.Status)
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// KindOf returns the kind of the failure in err's chain, or "" if there is none.
func KindOf(err error) FailureKind {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Kind
	}
	return ""
}

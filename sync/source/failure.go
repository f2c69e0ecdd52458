package source

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// FailureKind classifies the failures of a source. The source decides it, so
// that no other package has to interpret status codes.
type FailureKind string

// The kinds of failure.
const (
	// Unreachable: no response, or a broken one: refused, timed out, cut off, 5xx.
	Unreachable FailureKind = "unreachable"
	// Throttled: the source asks to wait (429, 503 with Retry-After), for longer than one slice
	// can wait.
	Throttled FailureKind = "throttled"
	// BreakerOpen: no request was made, because too many before it failed.
	BreakerOpen FailureKind = "breaker-open"
	// Unauthorized: 401 or 403. It confirms nothing about any record.
	Unauthorized FailureKind = "unauthorized"
	// NotFound: the source does not have the record. By 410 it states that it had the record and
	// has deleted it; a 404 may have other causes. [IsGone] distinguishes them.
	NotFound FailureKind = "not-found"
	// Expired: the link to a page is no longer valid (410); the window starts anew.
	Expired FailureKind = "expired"
	// Unsupported: the source does not know the type or the parameter.
	Unsupported FailureKind = "unsupported"
	// Invalid: the response does not follow the protocol.
	Invalid FailureKind = "invalid"
	// WrongVersion: the source speaks another version of the protocol.
	WrongVersion FailureKind = "wrong-version"
)

// Failure is the error of a source that could not answer. Its text is for operators and holds
// neither personal data nor secrets: no query of a URL, no body.
type Failure struct {
	Kind   FailureKind
	Act    string        // what was tried: "search Observation"
	Status int           // HTTP status; 0: none
	After  time.Duration // how long the source asks to wait; 0: unknown
	Err    error         // the cause, without personal data
}

// sentences explain each kind to an operator.
var sentences = map[FailureKind]string{
	Unreachable:  "the source cannot be reached",
	Throttled:    "the source asks for patience",
	BreakerOpen:  "too many requests failed; the source is not asked for a while",
	Unauthorized: "the source refuses our credentials",
	NotFound:     "the source does not have it",
	Expired:      "the source's pages have expired",
	Unsupported:  "the source does not support it",
	Invalid:      "the source's answer cannot be understood",
	WrongVersion: "the source speaks another version",
}

// Error implements error.
func (f *Failure) Error() string {
	s := f.Act + ": " + sentences[f.Kind]
	switch {
	case f.Kind == Unreachable && f.Status/100 == 2:
		s = f.Act + ": the source's answer does not come through"
	case f.Kind == Unreachable && f.Status != 0:
		s = f.Act + ": the source answers with an error"
	case f.Kind == Unauthorized && f.Status == 0:
		s = f.Act + ": there are no credentials for the source"
	}
	if f.Status != 0 {
		s += fmt.Sprintf(" (HTTP %d)", f.Status)
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// First returns the failure that opened the circuit if f is of kind [BreakerOpen] and that failure
// is known; else f. It is what operators have to know.
func (f *Failure) First() *Failure {
	if f.Kind == BreakerOpen {
		if first, ok := errors.AsType[*Failure](f.Err); ok {
			return first
		}
	}
	return f
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

// IsGone reports whether err is the source's statement that it has deleted the record (410). A
// record that was only not found (404) may still exist.
func IsGone(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Kind == NotFound && f.Status == http.StatusGone
}

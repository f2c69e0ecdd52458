package source

import (
	"errors"
	"fmt"
	"net/http"
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
	// NotFound: the source does not have the record. A 410 is the source's own
	// statement that it did and has deleted it; a 404 says no more than that it
	// is not to be found, which may have other causes. [IsGone] tells them apart.
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

// sentences say each kind to an operator.
var sentences = map[FailureKind]string{
	Unreachable:  "the source cannot be reached",
	Throttled:    "the source asks for patience",
	BreakerOpen:  "the source failed too often, and is left alone for a while",
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

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// KindOf returns the kind of the failure in err's chain, or "" if there is none.
func KindOf(err error) FailureKind {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Kind
	}
	return ""
}

// IsGone reports whether err says, in the source's own words, that the record was
// deleted (410). A record that is only not found is not known to be.
func IsGone(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Kind == NotFound && f.Status == http.StatusGone
}

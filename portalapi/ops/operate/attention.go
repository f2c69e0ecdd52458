package operate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"dossiersync/store"
)

// Code identifies a kind of cause that needs a person's attention. Codes are stable: programs,
// metrics and acknowledgements use them.
type Code string

// The codes, in the order in which the causes of a tenant are listed.
const (
	AwaitingErasures     Code = "awaiting-erasures"
	AwaitingGrants       Code = "awaiting-grants"
	NoWorker             Code = "no-worker"
	Refused              Code = "refused"
	SourceUnreachable    Code = "source-unreachable"
	TypeUnreadable       Code = "type-unreadable"
	RemovalsHeld         Code = "removals-held"
	RevealsHeld          Code = "reveals-held"
	ConfigurationsDiffer Code = "configurations-differ"
	PartialRuns          Code = "partial-runs"
	QuarantineGrew       Code = "quarantine-grew"
	ReconcileOverdue     Code = "reconcile-overdue"
	CountContradicts     Code = "count-contradicts"
	MostlyEmpty          Code = "mostly-empty"
	LeftOut              Code = "left-out"
	SomethingWithheld    Code = "withheld"
	Throttled            Code = "throttled"
)

// causes finds the causes of a tenant. To add a cause, add a code, a function that returns nil
// while the cause is absent, and a line here; if operators can do something about it, its code is
// explained in deploy/RUNBOOK.md.
var causes = []struct {
	code Code
	find func(f *facts, t *Tenant, s *Status) *Cause
}{
	{AwaitingErasures, awaitingErasures},
	{AwaitingGrants, awaitingGrants},
	{NoWorker, noWorker},
	{Refused, refused},
	{SourceUnreachable, sourceUnreachable},
	{TypeUnreadable, typeUnreadable},
	{RemovalsHeld, removalsHeld},
	{RevealsHeld, revealsHeld},
	{ConfigurationsDiffer, configurationsDiffer},
	{PartialRuns, partialRuns},
	{QuarantineGrew, quarantineGrew},
	{ReconcileOverdue, reconcileOverdue},
	{CountContradicts, countContradicts},
	{MostlyEmpty, mostlyEmpty},
	{LeftOut, leftOut},
	{SomethingWithheld, withheld},
	{Throttled, throttled},
}

// Codes returns every code, in order.
func Codes() []Code {
	list := make([]Code, 0, len(causes))
	for _, c := range causes {
		list = append(list, c.code)
	}
	return list
}

// Cause is something about a tenant that needs a person's attention. Its sentences hold no
// personal data, begin with a lower-case letter and have no full stop.
type Cause struct {
	Code       Code       `json:"code"`
	What       string     `json:"what"`
	Since      *time.Time `json:"since"`      // in the tenant's zone; null: not known
	ReadersSee string     `json:"readersSee"` // meanwhile
	Do         string     `json:"do"`
	Command    string     `json:"command"` // the first one; empty: none
	Runbook    string     `json:"runbook"` // the section
	// Information is true if nobody has to do anything. It needs no attention.
	Information bool `json:"information"`
	// Fingerprint is of the extent: it changes when the cause grows, or becomes another.
	Fingerprint string `json:"fingerprint"`
	// Acknowledged is set while an operator's acknowledgement covers the cause.
	Acknowledged *store.Acknowledgement `json:"acknowledged"`

	extent store.Extent
}

// IsOpen reports whether the cause waits for a person.
func (c *Cause) IsOpen() bool { return !c.Information && c.Acknowledged == nil }

// OpenCauses returns the causes that wait for a person.
func (s *Status) OpenCauses() []Cause {
	return slices.DeleteFunc(slices.Clone(s.Attention), func(c Cause) bool { return !c.IsOpen() })
}

// IsWell reports whether nobody has to look at the tenant: it is fresh, and nothing waits for a
// person (I10).
func (s *Status) IsWell() bool { return s.State == Fresh && len(s.OpenCauses()) == 0 }

// NeedsPerson reports whether the tenant is behind, or something waits for a person. A tenant that
// waits for its first run needs nobody.
func (s *Status) NeedsPerson() bool {
	return s.State != Waiting && !s.IsWell() || len(s.OpenCauses()) > 0
}

// attention returns the causes of the tenant, with what operators have acknowledged.
func (f *facts) attention(t *Tenant, s *Status) []Cause {
	list := []Cause{}
	for _, known := range causes {
		c := known.find(f, t, s)
		if c == nil {
			continue
		}
		c.Code, c.Since = known.code, t.in(c.Since)
		c.Fingerprint = fingerprint(c.extent)
		if a, ok := f.acknowledged[t.ID][known.code]; ok && a.Extent.Covers(c.extent) {
			a.At, a.Until = *t.in(&a.At), *t.in(&a.Until)
			c.Acknowledged = &a
		}
		list = append(list, *c)
	}
	return list
}

func fingerprint(e store.Extent) string {
	h := sha256.New()
	for _, part := range slices.Sorted(maps.Keys(e)) {
		fmt.Fprintf(h, "%q %d\n", part, e[part])
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6])
}

const (
	// AcknowledgeFor is how long an acknowledgement lasts if no end is given.
	AcknowledgeFor = 7 * 24 * time.Hour
	// acknowledgeMost is the longest that an acknowledgement may last.
	acknowledgeMost = 366 * 24 * time.Hour
)

var (
	// ErrNoCause is returned for a cause that the tenant does not have.
	ErrNoCause = errors.New("there is no such cause")
	// ErrCauseChanged is returned if the cause is not the one that the operator was shown.
	ErrCauseChanged = errors.New("the cause has changed since it was shown")
	// ErrUntil is returned for an end that is not within the next year.
	ErrUntil = errors.New("the end must be within the next year")
)

// Acknowledgement is what an operator says about a cause.
type Acknowledgement struct {
	Code        Code
	Fingerprint string // of the cause as the operator saw it; empty: as it is now
	By, Note    string
	Until       time.Time // zero: [AcknowledgeFor] from now
}

// Acknowledge stores that an operator knows of a cause, and returns the cause. The cause is
// acknowledged until it grows, becomes another, or the end has come. It fails with [ErrNoCause],
// [ErrCauseChanged] and [ErrUntil].
func Acknowledge(ctx context.Context, st *store.Store, t *Tenant, a Acknowledgement) (Cause, error) {
	s, err := StatusOf(ctx, st, t)
	if err != nil {
		return Cause{}, err
	}
	i := slices.IndexFunc(s.Attention, func(c Cause) bool { return c.Code == a.Code && !c.Information })
	if i < 0 {
		return Cause{}, ErrNoCause
	}
	c := s.Attention[i]
	if a.Until.IsZero() {
		a.Until = s.Now.Add(AcknowledgeFor)
	}
	switch {
	case a.Fingerprint != "" && a.Fingerprint != c.Fingerprint:
		return c, ErrCauseChanged
	case !a.Until.After(s.Now) || a.Until.Sub(s.Now) > acknowledgeMost:
		return c, ErrUntil
	}
	c.Acknowledged = &store.Acknowledgement{Tenant: t.ID, Code: string(a.Code), Extent: c.extent, By: a.By,
		Note: a.Note, At: s.Now, Until: *t.in(&a.Until)}
	return c, st.Acknowledge(ctx, *c.Acknowledged)
}

package portalapi

import (
	"slices"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// freshness is the part of every answer that states as of when it is true (I10).
type freshness struct {
	AsOf       *string              `json:"asOf"` // null: never
	NextSync   *string              `json:"nextSync"`
	State      store.FreshnessState `json:"state"`
	Incomplete bool                 `json:"incomplete"`
	Reason     *reason              `json:"reason"` // null unless a list is empty

	// For people, in the organisation's words.
	Sentence       string  `json:"sentence"`
	ReasonSentence *string `json:"reasonSentence"`
}

// reason explains an empty list. It never depends on hidden items.
type reason string

const (
	noDossier         reason = "no-dossier"         // no grant of the user counts
	readingEnded      reason = "reading-ended"      // the client has died
	notShared         reason = "not-shared"         // by the organisation
	noRight           reason = "no-right"           // a grant, but not for this part
	rechecking        reason = "rechecking"         // stored items are checked against changed rules
	sourceUnavailable reason = "source-unavailable" // and so new items would be missing
	notSyncedYet      reason = "not-synced-yet"     // the history is still being read
	noMatch           reason = "no-match"           // the filters exclude all items
	nothingYet        reason = "nothing-yet"
)

// basis is what the freshness and reason of an answer depend on: the tenant, the reader's standing,
// and the parts that the answer is about.
type basis struct {
	*store.Standing
	tenant  *Tenant
	parts   []dossier.Part // asked for
	visible []dossier.Part // those of parts that the user may see
}

func newBasis(t *Tenant, s *store.Standing, parts ...dossier.Part) *basis {
	b := &basis{Standing: s, tenant: t, parts: parts}
	for _, p := range parts {
		if t.shares(p) && s.Dossier != nil && mayRead(s.Dossier, p) {
			b.visible = append(b.visible, p)
		}
	}
	return b
}

func mayRead(d *store.Dossier, p dossier.Part) bool {
	if p == dossier.PartContacts {
		return d.Manager
	}
	return d.May(p)
}

// asOf returns as of when the visible parts are true: the oldest time of their streams, or nil if a
// stream was never read to its end.
func (b *basis) asOf() *time.Time {
	if b.Owed {
		return nil
	}
	parts := b.visible
	if len(parts) == 0 {
		parts = b.parts
	}
	var oldest *time.Time
	for _, name := range b.streams(parts) {
		at := b.Streams[name].AsOf
		if at == nil {
			return nil
		}
		if oldest == nil || at.Before(*oldest) {
			oldest = at
		}
	}
	return oldest
}

// streams returns the streams of the parts. Goals count only if the tenant pulls them. They are
// read before the plans, so a tenant that pulls them has a state of them by then.
func (b *basis) streams(parts []dossier.Part) []dossier.Stream {
	if len(parts) == 0 {
		return []dossier.Stream{dossier.StreamClients}
	}
	var list []dossier.Stream
	for _, p := range parts {
		for _, name := range p.Streams() {
			if _, known := b.Streams[name]; !known && name == dossier.StreamGoals {
				continue
			}
			list = append(list, name)
		}
	}
	return list
}

func (b *basis) incomplete() bool {
	return slices.ContainsFunc(b.streams(b.visible), func(n dossier.Stream) bool { return b.Streams[n].Incomplete })
}

// rechecking reports whether the part is withheld while its items are checked against changed
// rules. Package store returns none of its items meanwhile.
func (b *basis) rechecking(p dossier.Part) bool {
	return b.Streams[dossier.StreamClients].Rechecking ||
		slices.ContainsFunc(p.Streams(), func(n dossier.Stream) bool { return b.Streams[n].Rechecking })
}

// freshness returns the freshness of an answer that is not an empty list.
func (b *basis) freshness() freshness {
	next := b.tenant.Schedule.Next(b.Now.In(b.tenant.Location))
	asOf := b.asOf()
	f := freshness{
		AsOf:       b.tenant.timeOrNull(asOf),
		State:      b.state(),
		Incomplete: b.incomplete(),
	}
	if !next.IsZero() {
		f.NextSync = b.tenant.timeOrNull(&next)
	}
	f.describe(b.tenant, b.Now, asOf, next)
	return f
}

// freshnessOfNow returns the freshness of what has no source but this program.
func (b *basis) freshnessOfNow() freshness {
	f := b.freshness()
	f.AsOf, f.Incomplete = b.tenant.timeOrNull(&b.Now), false
	f.describe(b.tenant, b.Now, &b.Now, time.Time{})
	return f
}

// state returns whether the tenant's replica keeps up with its schedule. Before its first run a
// tenant is not late.
func (b *basis) state() store.FreshnessState {
	if b.Since.IsZero() {
		return store.Fresh
	}
	return store.StateOf(b.tenant.Schedule, b.Succeeded, b.Since, b.Now)
}

// emptyFreshness returns the freshness of an empty list; filtered means that parameters narrowed
// it.
func (b *basis) emptyFreshness(filtered bool) freshness {
	f := b.freshness()
	f.because(b.tenant, b.reason(filtered))
	return f
}

// reason returns why a list is empty. If there are several reasons, it returns the one that lasts
// longest: no run will help against not-shared.
func (b *basis) reason(filtered bool) reason {
	switch {
	case b.Dossier != nil && b.Dossier.Deceased:
		return readingEnded
	case b.Dossier != nil && !slices.ContainsFunc(b.parts, b.tenant.shares):
		return notShared
	case b.Dossier != nil && len(b.visible) == 0:
		return noRight
	case slices.ContainsFunc(b.visible, b.rechecking):
		return rechecking
	case b.asOf() == nil && b.Unreachable != nil:
		return sourceUnavailable
	case b.asOf() == nil:
		return notSyncedYet
	case filtered:
		return noMatch
	case b.Unreachable != nil:
		return sourceUnavailable
	}
	return nothingYet
}

// Explanation is what the API answers about one part of a dossier, for operators.
type Explanation struct {
	Shared     bool // by the organisation
	AsOf       *time.Time
	State      store.FreshnessState
	Rechecking bool // withheld until everything was read again
	Incomplete bool
	Reason     string // of an empty list
}

// Explain returns what the API answers about part p to the reader whose standing is s.
func Explain(t Tenant, s *store.Standing, p dossier.Part) Explanation {
	if t.Shared == nil {
		t.Shared = dossier.Parts()
	}
	b := newBasis(&t, s, p)
	return Explanation{
		Shared: t.shares(p), AsOf: b.asOf(), State: b.state(), Rechecking: b.rechecking(p), Incomplete: b.incomplete(),
		Reason: string(b.reason(false)),
	}
}

package portalapi

import (
	"slices"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// freshness says as of when an answer is true (I10).
type freshness struct {
	AsOf       *string              `json:"asOf"` // null: never
	NextSync   *string              `json:"nextSync"`
	State      store.FreshnessState `json:"state"`
	Incomplete bool                 `json:"incomplete"`
	Reason     *reason              `json:"reason"` // null unless a list is empty
}

// reason says why a list is empty. It never depends on what is hidden.
type reason string

const (
	readingEnded      reason = "reading-ended"      // the client has died
	notShared         reason = "not-shared"         // the organisation does not share it
	noRight           reason = "no-right"           // a grant, but not for this part
	rechecking        reason = "rechecking"         // rules changed, and what is stored is checked against them
	sourceUnavailable reason = "source-unavailable" // and so nothing can be said
	notSyncedYet      reason = "not-synced-yet"     // the history is still being read
	noMatch           reason = "no-match"           // nothing that the filters let through
	nothingYet        reason = "nothing-yet"        // indeed nothing
)

// basis is what an answer's freshness and reason are made from: the parts that
// it is about, of which some may be visible.
type basis struct {
	*store.Standing
	tenant  *Tenant
	parts   []dossier.Part // what the question was about
	visible []dossier.Part // what this user may see of that
}

func newBasis(t *Tenant, s *store.Standing, parts ...dossier.Part) *basis {
	st := &basis{Standing: s, tenant: t, parts: parts}
	for _, p := range parts {
		if t.shares(p) && s.Dossier != nil && mayRead(s.Dossier, p) {
			st.visible = append(st.visible, p)
		}
	}
	return st
}

func mayRead(d *store.Dossier, p dossier.Part) bool {
	if p == dossier.PartContacts {
		return d.Manager
	}
	return d.May(p)
}

// asOf returns as of when the visible parts are true: the oldest of their
// streams' times, or nil if one was never read to its end.
func (s *basis) asOf() *time.Time {
	if s.Owed {
		return nil
	}
	parts := s.visible
	if len(parts) == 0 {
		parts = s.parts
	}
	var oldest *time.Time
	for _, name := range s.streams(parts) {
		at := s.Streams[name].AsOf
		if at == nil {
			return nil
		}
		if oldest == nil || at.Before(*oldest) {
			oldest = at
		}
	}
	return oldest
}

// streams lists what the parts are made of. Goals count only where the tenant
// pulls them: they are read before the plans, and have a state by then.
func (s *basis) streams(parts []dossier.Part) []dossier.Stream {
	if len(parts) == 0 {
		return []dossier.Stream{dossier.StreamClients}
	}
	var list []dossier.Stream
	for _, p := range parts {
		for _, name := range p.Streams() {
			if _, known := s.Streams[name]; !known && name == dossier.StreamGoals {
				continue
			}
			list = append(list, name)
		}
	}
	return list
}

func (s *basis) incomplete() bool {
	return slices.ContainsFunc(s.streams(s.visible), func(n dossier.Stream) bool { return s.Streams[n].Incomplete })
}

// rechecking reports whether nothing of the part may be shown, because what is
// stored of it is being checked against changed rules. Package store shows none.
func (s *basis) rechecking(p dossier.Part) bool {
	return s.Streams[dossier.StreamClients].Rechecking ||
		slices.ContainsFunc(p.Streams(), func(n dossier.Stream) bool { return s.Streams[n].Rechecking })
}

// freshness returns what to say of an answer that is not an empty list.
func (s *basis) freshness() freshness {
	next := s.tenant.Schedule.Next(s.Now.In(s.tenant.Location))
	f := freshness{
		AsOf:       s.tenant.timeOrNil(s.asOf()),
		State:      s.state(),
		Incomplete: s.incomplete(),
	}
	if !next.IsZero() {
		f.NextSync = s.tenant.timeOrNil(&next)
	}
	return f
}

// state tells how the tenant's replica keeps up with its schedule. One that no
// run has begun to fill is not late yet.
func (s *basis) state() store.FreshnessState {
	if s.Since.IsZero() {
		return store.Fresh
	}
	return store.StateOf(s.tenant.Schedule, s.Succeeded, s.Since, s.Now)
}

// ofEmpty returns what to say of an empty list; filtered says that parameters
// narrowed it. Of several reasons it gives the one that outlasts the others:
// there is no use in waiting for a synchronisation of what is not shared.
func (s *basis) ofEmpty(filtered bool) freshness {
	f := s.freshness()
	r := s.reason(filtered)
	f.Reason = &r
	return f
}

func (s *basis) reason(filtered bool) reason {
	switch {
	case s.Dossier != nil && s.Dossier.Deceased:
		return readingEnded
	case s.Dossier != nil && !slices.ContainsFunc(s.parts, s.tenant.shares):
		return notShared
	case s.Dossier != nil && len(s.visible) == 0:
		return noRight
	case slices.ContainsFunc(s.visible, s.rechecking):
		return rechecking
	case s.asOf() == nil && s.Unreachable != nil:
		return sourceUnavailable
	case s.asOf() == nil:
		return notSyncedYet
	case filtered:
		return noMatch
	case s.Unreachable != nil:
		return sourceUnavailable
	}
	return nothingYet
}

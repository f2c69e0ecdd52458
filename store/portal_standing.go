package store

import (
	"fmt"
	"slices"
	"time"

	"dossiersync/store/dossier"
)

// StreamState is how fresh one stream is for one dossier. Times are the database's.
type StreamState struct {
	AsOf       *time.Time // the replica equals the source as of then; nil: never read to the end
	Rechecking bool       // the rules changed: no item may be shown until the stream is read again
	Incomplete bool       // items of this dossier are in quarantine, or are held
}

// Standing is the state that every answer about a dossier depends on, in one snapshot. Times are the
// database's.
type Standing struct {
	Dossier     *Dossier // nil: the user may not open a dossier of that client
	Now         time.Time
	Since       time.Time  // when the tenant became known; zero: never
	Succeeded   *time.Time // when the tenant's last successful run began
	Unreachable *time.Time // since when the tenant's source cannot be reached
	Owed        bool       // the client's history is still to be read: a backfill
	// Awaiting is since when nothing may be shown; see [ErrAwaitingGrants] and [ErrAwaitingErasures].
	Awaiting *time.Time
	Streams  map[dossier.Stream]StreamState
}

// ErrAwaitingGrants reports that the database was restored from a backup and that the portal has not
// sent all grants again: nothing may be shown.
var ErrAwaitingGrants = fmt.Errorf(
	"%w: it was restored from a backup, and waits for all grants", ErrUnavailable)

// ErrAwaitingErasures reports that the database was restored from a backup and that dossiers erased
// since then may be back: nothing may be shown.
var ErrAwaitingErasures = fmt.Errorf(
	"%w: it was restored from a backup, and waits for erasures to be carried out again", ErrUnavailable)

// standingColumns are the fields of type standing that a [standingRow] holds.
const standingColumns = `
	now(), (f.s).client, (f.s).name, (f.s).role, (f.s).manager, (f.s).parts, (f.s).version,
	(f.s).deceased, (f.s).change, (f.s).user_name, (f.s).since, (f.s).succeeded, (f.s).unreachable,
	(f.s).awaiting, (f.s).awaiting_erasures, (f.s).owed, (f.s).streams, (f.s).as_of,
	(f.s).rechecking, (f.s).unread, (f.s).incomplete`

// standingFunction returns the standing alone. OFFSET 0 keeps PostgreSQL from calling the function once
// for each column.
const standingFunction = `(SELECT portal_standing($1, $2, $3, $4, $5) AS s OFFSET 0)`

// standingRow is a standing as the database returns it.
type standingRow struct {
	now                                     time.Time
	client, name, role, userName            *string
	manager, deceased                       *bool
	parts                                   []dossier.Part
	version, change                         *int64
	since, succeeded, unreachable, awaiting *time.Time
	awaitingErasures, owed                  bool
	// Of each cursor of a whole type.
	streams    []dossier.Stream
	asOf       []*time.Time
	rechecking []bool

	unread     []dossier.Stream // of types of which no page has come yet
	incomplete []dossier.Stream // of the client's items in quarantine
}

// targets returns what the columns are scanned into.
func (r *standingRow) targets() []any {
	return []any{
		&r.now, &r.client, &r.name, &r.role, &r.manager, &r.parts, &r.version,
		&r.deceased, &r.change, &r.userName, &r.since, &r.succeeded, &r.unreachable,
		&r.awaiting, &r.awaitingErasures, &r.owed, &r.streams, &r.asOf,
		&r.rechecking, &r.unread, &r.incomplete,
	}
}

// into stores the row in s. It fails with [ErrAwaitingErasures] or [ErrAwaitingGrants] where nothing
// may be shown.
func (r *standingRow) into(s *Standing) error {
	r.intoAny(s)
	switch {
	case s.Awaiting == nil:
		return nil
	case r.awaitingErasures:
		return ErrAwaitingErasures
	}
	return ErrAwaitingGrants
}

// intoAny is into for operators, who see that nothing may be shown in s.Awaiting.
func (r *standingRow) intoAny(s *Standing) {
	*s = Standing{
		Now: r.now, Succeeded: r.succeeded, Unreachable: r.unreachable, Owed: r.owed, Awaiting: r.awaiting,
		Streams: make(map[dossier.Stream]StreamState, len(r.streams)),
	}
	if r.since != nil {
		s.Since = *r.since
	}
	if r.client != nil {
		s.Dossier = &Dossier{
			Client: *r.client, Role: Role(*r.role), Manager: *r.manager, Parts: r.parts, GrantVersion: *r.version,
			Deceased: *r.deceased, Change: *r.change, UserName: r.userName,
		}
		if r.name != nil {
			s.Dossier.Name = *r.name
		}
	}
	for i, name := range r.streams {
		st, seen := s.Streams[name]
		switch at := r.asOf[i]; {
		case slices.Contains(r.unread, name):
		case !seen, at == nil || st.AsOf != nil && at.Before(*st.AsOf):
			st.AsOf = at
		}
		st.Rechecking = st.Rechecking || r.rechecking[i]
		st.Incomplete = slices.Contains(r.incomplete, name)
		s.Streams[name] = st
	}
}

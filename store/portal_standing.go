package store

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

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

// queueStanding adds the statements that read the client's standing for the current user. They are
// the same for every user and every client, known or not (I8). They fail with [ErrAwaitingErasures]
// or [ErrAwaitingGrants] where nothing may be shown.
func queueStanding(b *pgx.Batch, id Identity, client string, s *Standing) {
	queueAnyStanding(b, id, client, s, true)
}

// queueAnyStanding is queueStanding for operators too: unless guarded, it does not fail where nothing
// may be shown, but says so in s.Awaiting.
func queueAnyStanding(b *pgx.Batch, id Identity, client string, s *Standing, guarded bool) {
	s.Streams = make(map[dossier.Stream]StreamState)
	args := pgx.StrictNamedArgs{"tenant": id.Tenant, "client": client}
	const tenant = `
		SELECT now(), t.since, t.succeeded, t.unreachable,
		       coalesce(t.awaiting_erasures, t.awaiting_grants),
		       t.awaiting_erasures IS NOT NULL,
		       EXISTS (
		           SELECT
		           FROM backfills
		           WHERE tenant = @tenant
		             AND client = @client
		             AND NOT recheck)
		FROM (VALUES (@tenant)) asked (id) -- a row for an unknown tenant too
		LEFT JOIN tenants t USING (id)`
	b.Queue(tenant, args).QueryRow(func(row pgx.Row) error {
		var since *time.Time
		var erasures bool
		err := row.Scan(&s.Now, &since, &s.Succeeded, &s.Unreachable, &s.Awaiting, &erasures, &s.Owed)
		switch {
		case err != nil || s.Awaiting == nil || !guarded:
		case erasures:
			err = ErrAwaitingErasures
		default:
			err = ErrAwaitingGrants
		}
		if since != nil {
			s.Since = *since
		}
		return err
	})
	const streams = `
		WITH streams AS (
			SELECT stream, min(as_of) AS as_of, bool_and(as_of IS NOT NULL) AS whole,
			       bool_or(rechecking) AS rechecking
			FROM cursors
			WHERE tenant = @tenant
			  AND client = ''
			GROUP BY stream)
		SELECT s.stream,
		       CASE WHEN s.whole AND NOT EXISTS (
		           SELECT
		           FROM unread u
		           WHERE u.tenant = @tenant
		             AND u.stream = s.stream
		             AND NOT u.unsupported) THEN s.as_of END,
		       s.rechecking,
		       EXISTS (
		           SELECT
		           FROM quarantine q
		           WHERE q.tenant = @tenant
		             AND q.client = @client
		             AND q.stream = s.stream)
		       OR EXISTS (
		           SELECT
		           FROM held_clients h
		           WHERE h.tenant = @tenant
		             AND h.client = @client
		             AND h.stream = s.stream)
		FROM streams s`
	b.Queue(streams, args).Query(func(rows pgx.Rows) error {
		var name dossier.Stream
		var st StreamState
		_, err := pgx.ForEachRow(rows, []any{&name, &st.AsOf, &st.Rechecking, &st.Incomplete}, func() error {
			s.Streams[name] = st
			return nil
		})
		return err
	})
}

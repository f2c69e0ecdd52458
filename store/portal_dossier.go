package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Role is what a user is to a client.
type Role string

// The roles.
const (
	RoleClient         Role = "client"
	RoleContact        Role = "contact"
	RoleRepresentative Role = "representative"
)

// Dossier is what a user may open: a client on whom they have a grant that
// counts today.
type Dossier struct {
	Client       string
	Name         string
	Role         Role
	Manager      bool // may see the access log and the contacts
	Parts        []dossier.Part
	GrantVersion int64
	Deceased     bool    // reading has ended
	Change       int64   // rises when the dossier looks different
	UserName     *string // the user's own, as the portal gave it with the grant
}

// May reports whether the user has a right to the part.
func (d *Dossier) May(p dossier.Part) bool {
	return slices.Contains(d.Parts, p)
}

const dossierColumns = `
	d.client, coalesce(d.name, ''), d.role, d.manager, d.parts, d.version, d.deceased, d.change, d.user_name`

// listMax is the length of a page of a list that is not one of items.
const listMax = 1000

// Dossiers returns the dossiers that the user may open, by client and beginning
// after that of a client; at most [listMax], and whether there are more. The
// standing is that of the register of clients.
func (r *Portal) Dossiers(ctx context.Context, id Identity, after string) (Standing, []Dossier, bool, error) {
	const q = identify + ` WHERE d.client > @after ORDER BY d.client LIMIT @limit`
	var s Standing
	var list []Dossier
	args := id.args("", "")
	args["after"], args["limit"] = after, listMax+1
	err := r.inBatch(ctx, func(b *pgx.Batch) {
		b.Queue(q, args).Query(collect(&list, pgx.RowToStructByPos[Dossier]))
		queueStanding(b, id, "", &s)
	})
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read dossiers: %w", err)
	}
	list, more := cut(list, listMax)
	return s, list, more, nil
}

// collect returns what reads a query's rows into list.
func collect[T any](list *[]T, scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*list, err = pgx.CollectRows(rows, scan)
		return err
	}
}

// cut shortens list to limit, and reports whether there was more.
func cut[T any](list []T, limit int) ([]T, bool) {
	if len(list) > limit {
		return list[:limit], true
	}
	return list, false
}

// StreamState is as of when one stream is known to be true for one dossier.
// Times are the database's.
type StreamState struct {
	AsOf       *time.Time // nil: never read to the end
	Rechecking bool       // the rules changed, and what is stored may not be shown until read again
	Incomplete bool       // something of this dossier could not be applied
}

// Standing is what every answer about a dossier is based on, as of one snapshot.
type Standing struct {
	Dossier     *Dossier // nil: nothing that this user may open
	Now         time.Time
	Since       time.Time  // when the tenant became known; zero: never
	Succeeded   *time.Time // when the tenant's last successful run began
	Unreachable *time.Time // since when the tenant's source cannot be reached
	Owed        bool       // the client's history is still to be read
	Awaiting    *time.Time // since when nothing may be shown; see [ErrAwaitingGrants] and [ErrAwaitingErasures]
	Streams     map[dossier.Stream]StreamState
}

// ErrAwaitingGrants says that the database was restored from a backup, and that
// the portal has not sent all grants again: nothing may be shown.
var ErrAwaitingGrants = fmt.Errorf("%w: it was restored from a backup, and waits for all grants", ErrUnavailable)

// ErrAwaitingErasures says that the database was restored from a backup, and that
// what was erased since may be back: nothing may be shown.
var ErrAwaitingErasures = fmt.Errorf("%w: it was restored from a backup, and waits for erasures to be carried out again", ErrUnavailable)

// queueStanding adds what tells the standing of client for the current user. The
// statements are the same whoever asks for whatever client (I8). They fail with
// [ErrAwaitingErasures] or [ErrAwaitingGrants] where nothing may be shown.
func queueStanding(b *pgx.Batch, id Identity, client string, s *Standing) {
	queueAnyStanding(b, id, client, s, true)
}

// queueAnyStanding is queueStanding for operators too, to whom it is told, without
// an error, that nothing may be shown.
func queueAnyStanding(b *pgx.Batch, id Identity, client string, s *Standing, guarded bool) {
	s.Streams = make(map[dossier.Stream]StreamState)
	args := pgx.StrictNamedArgs{"tenant": id.Tenant, "client": client}
	const tenant = `
		SELECT now(), t.since, t.succeeded, t.unreachable,
			coalesce(t.awaiting_erasures, t.awaiting_grants), t.awaiting_erasures IS NOT NULL,
			EXISTS (SELECT FROM backfills WHERE tenant = @tenant AND client = @client AND NOT recheck)
		FROM (VALUES (@tenant)) asked (id) LEFT JOIN tenants t USING (id)`
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
		SELECT c.stream, CASE WHEN bool_and(c.as_of IS NOT NULL) AND NOT EXISTS (
				SELECT FROM unread u WHERE u.tenant = @tenant AND u.stream = c.stream AND NOT u.unsupported) THEN min(c.as_of) END,
			bool_or(c.rechecking),
			EXISTS (SELECT FROM quarantine q WHERE q.tenant = @tenant AND q.client = @client AND q.stream = c.stream)
		FROM cursors c WHERE c.tenant = @tenant AND c.client = '' GROUP BY c.stream`
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

// PartCount is what a dossier holds of one kind, as far as the user may see it.
type PartCount struct {
	Kind   dossier.Kind
	Count  int64
	Newest *time.Time
}

// queueCounts adds what tells how much of a dossier the current user may see.
func queueCounts(b *pgx.Batch, id Identity, client string, counts *[]PartCount) {
	q := `
		SELECT i.kind, count(*), max(i.at) FROM items i
		WHERE i.tenant = @tenant AND i.client = @client AND i.kind IN ('report', 'form', 'care-plan')` + readable + `
		GROUP BY i.kind`
	b.Queue(q, pgx.StrictNamedArgs{"tenant": id.Tenant, "client": client}).Query(collect(counts, pgx.RowToStructByPos[PartCount]))
}

// Dossier returns the standing of one dossier, and what it holds.
func (r *Portal) Dossier(ctx context.Context, id Identity, client string) (Standing, []PartCount, error) {
	var s Standing
	var counts []PartCount
	err := r.read(ctx, id, client, &s, func(b *pgx.Batch) {
		queueStanding(b, id, client, &s)
		queueCounts(b, id, client, &counts)
	})
	if err != nil {
		return Standing{}, nil, fmt.Errorf("read a dossier: %w", err)
	}
	return s, counts, nil
}

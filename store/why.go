package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Why explains to an operator what one dossier shows and to whom, in one snapshot. It holds no names
// and no content.
type Why struct {
	Client *ClientStanding // nil: the replica does not know the client
	Owed   *time.Time      // since when the client's history is still to be read; nil: it was read
	Grants []GrantOn       // by user
	Items  []ItemCount
	// LeftOut are the places of the shown items whose words reach no reader; see table left_out.
	LeftOut []ItemsLeftOut
	// Nameless counts the tenant's items in quarantine whose client could not be read. They may be of
	// this client.
	Nameless int64
	// Withheld is what operators withhold: the client, or items of the client that are stored.
	Withheld []Withholding
	// Standing and Counts are those from which the portal API answers the user.
	Standing Standing
	Counts   []PartCount
}

// ClientStanding is the state of a client in the replica.
type ClientStanding struct {
	State      dossier.State  `json:"state"`
	Reason     dossier.Reason `json:"reason"` // why the client is not shown; else empty
	Since      time.Time      `json:"since"`  // of the state
	Deceased   bool           `json:"deceased"`
	ReplacedBy *string        `json:"replacedBy"` // the client into whom this one was merged
}

// GrantOn is a grant on a dossier, with every reason why it does not count today. Dates are days in the
// tenant's zone.
type GrantOn struct {
	User      string         `json:"user"`
	Role      Role           `json:"role"`
	Manager   bool           `json:"manager"`
	Parts     []dossier.Part `json:"parts"`
	State     GrantState     `json:"state"`
	From      *string        `json:"from"`
	Until     *string        `json:"until"`
	Contact   *string        `json:"contact"`
	ChangedAt time.Time      `json:"changedAt"`
	ChangedBy string         `json:"changedBy"`
	Faults    []GrantFault   `json:"faults"` // none: it counts
}

// GrantFault is a reason why a grant does not count.
type GrantFault string

// faults has the meaning of each fault for operators. Each is a condition of view open_dossiers that the
// grant does not meet; see [grantsOn].
var faults = map[GrantFault]string{
	"invited":           "the invitation was not accepted yet",
	"revoked":           "it was revoked",
	"not-begun":         "it begins on a later day",
	"ended":             "its last day is past",
	"contact-unknown":   "its contact is not known, or not shown any more",
	"contact-elsewhere": "its contact is a contact of another client",
	"contact-inactive":  "its contact is no longer active in the source",
	"contact-ended":     "its contact has ended in the source",
}

// Meaning returns the fault in a few words for an operator.
func (f GrantFault) Meaning() string { return faults[f] }

// OfContact reports whether the fault is in the contact that the grant names.
func (f GrantFault) OfContact() bool { return strings.HasPrefix(string(f), "contact-") }

// ItemCount is the number of a client's items of one stream in one state, which may be
// [dossier.StateQuarantined].
type ItemCount struct {
	Stream dossier.Stream `json:"stream"`
	Kind   dossier.Kind   `json:"kind"` // of shown items; else empty
	State  dossier.State  `json:"state"`
	Reason dossier.Reason `json:"reason"`
	Count  int64          `json:"count"`
	Newest *time.Time     `json:"newest"` // of shown items; else nil
}

// Why explains what the client's dossier shows. Standing and Counts are those of the user; an empty
// user may open nothing. The access is logged as one of the operator by, whether or not the client is
// known; where the log cannot be written, Why fails with [ErrLogUnavailable].
func (s *Store) Why(ctx context.Context, tenant, client, user, by string) (Why, error) {
	const known = `
		SELECT state, coalesce(reason, ''), since, deceased, replaced_by
		FROM clients
		WHERE tenant = @tenant
		  AND id = @client`
	const owed = `
		SELECT min(since)
		FROM backfills
		WHERE tenant = @tenant
		  AND client = @client
		  AND NOT recheck`
	const items = `
		SELECT stream, coalesce(kind, ''), state, coalesce(reason, ''), count(*),
		       CASE WHEN state = 'shown' THEN max(at) END
		FROM (
			SELECT stream, at, o.kind, o.state, o.reason
			FROM items i
			CROSS JOIN (SELECT items_withheld(@tenant, ARRAY[@client]) AS keys) w
			CROSS JOIN LATERAL (
				SELECT i.kind, i.state, i.reason
				WHERE i.state <> 'shown' OR i.key <> ALL (w.keys)
				UNION ALL
				SELECT NULL, 'hidden', 'withheld'
				WHERE i.state = 'shown' AND i.key = ANY (w.keys)) o
			WHERE i.tenant = @tenant
			  AND i.client = @client
			  AND i.stream <> 'clients') i
		GROUP BY 1, 2, 3, 4
		UNION ALL
		SELECT stream, '', 'quarantined', reason, count(*), NULL
		FROM quarantine
		WHERE tenant = @tenant
		  AND client = @client
		GROUP BY 1, 4
		ORDER BY 1, 2, 3, 4`
	var w Why
	args := pgx.StrictNamedArgs{"tenant": tenant, "client": client}
	var row standingRow
	var counts partCounts
	err := s.inSnapshot(ctx, func(b *pgx.Batch) {
		const q = `SELECT ` + standingColumns + countColumns + ` FROM why_standing(@tenant, @user, @client) f`
		b.Queue(q, pgx.StrictNamedArgs{"tenant": tenant, "user": user, "client": client}).QueryRow(
			func(r pgx.Row) error { return r.Scan(append(row.targets(), counts.targets()...)...) })
		b.Queue(known, args).Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[ClientStanding])
			if len(list) > 0 {
				w.Client = list[0]
			}
			return err
		})
		b.Queue(owed, args).QueryRow(func(row pgx.Row) error { return row.Scan(&w.Owed) })
		b.Queue(grantsOn, args).Query(collect(&w.Grants, pgx.RowToStructByPos[GrantOn]))
		b.Queue(items, args).Query(collect(&w.Items, pgx.RowToStructByPos[ItemCount]))
		b.Queue(withheldOf, args).Query(collect(&w.Withheld, pgx.RowToStructByPos[Withholding]))
		b.Queue(leftOutOfClient, args).Query(collect(&w.LeftOut, scanItemsLeftOut))
		b.Queue(countNameless, pgx.StrictNamedArgs{"tenant": tenant}).QueryRow(func(row pgx.Row) error {
			return row.Scan(&w.Nameless)
		})
	})
	if err != nil {
		return Why{}, fmt.Errorf("explain a dossier of %s: %w", tenant, err)
	}
	row.intoAny(&w.Standing)
	w.Counts = counts.list()
	e := AccessEvent{
		Tenant: tenant, Action: "read", Event: "why", Outcome: "success",
		User: by, Client: client, Object: user,
	}
	if err := s.logOperator(ctx, e); err != nil {
		return Why{}, fmt.Errorf("log that a dossier of %s is explained: %w", tenant, err)
	}
	return w, nil
}

// inSnapshot runs the statements that queue adds in one round trip and one snapshot.
func (s *Store) inSnapshot(ctx context.Context, queue func(b *pgx.Batch)) error {
	var b pgx.Batch
	b.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
	queue(&b)
	b.Queue(`COMMIT`)
	return classify(s.pool.SendBatch(ctx, &b).Close())
}

// grantsOn reads each grant with the conditions of view open_dossiers that it does not meet.
const grantsOn = `
	WITH local AS (
		SELECT (now() AT TIME ZONE timezone)::date AS today
		FROM tenants
		WHERE id = @tenant)
	SELECT g.user_id, g.role, g.manager OR g.role = 'client', g.parts, g.state,
	       g.valid_from::text, g.valid_until::text, g.contact, g.updated_at, g.updated_by,
	       array_remove(ARRAY[
	           CASE WHEN g.state <> 'accepted' THEN g.state END,
	           CASE WHEN g.valid_from > l.today THEN 'not-begun' END,
	           CASE WHEN g.valid_until < l.today THEN 'ended' END,
	           CASE
	               WHEN g.contact IS NULL THEN NULL
	               WHEN k.id IS NULL THEN 'contact-unknown'
	               WHEN k.client IS DISTINCT FROM g.client THEN 'contact-elsewhere'
	               WHEN NOT k.active THEN 'contact-inactive'
	               WHEN k.ends < l.today THEN 'contact-ended'
	           END], NULL)
	FROM grants g
	CROSS JOIN local l
	LEFT JOIN contacts k ON k.tenant = g.tenant AND k.id = g.contact
	WHERE g.tenant = @tenant
	  AND g.client = @client
	ORDER BY g.user_id`

// withheldOf reads what is withheld of the client.
const withheldOf = `
	SELECT ` + withholdingColumns + `
	FROM withheld
	WHERE tenant = @tenant
	  AND released IS NULL
	  AND (client = @client OR EXISTS (
	      SELECT
	      FROM items i
	      WHERE i.tenant = @tenant
	        AND i.key = withheld.item
	        AND i.client = @client))
	ORDER BY since`

// countNameless counts the tenant's items in quarantine whose client could not be read. Staff and
// questionnaires have no client.
const countNameless = `
	SELECT count(*)
	FROM quarantine
	WHERE tenant = @tenant
	  AND client IS NULL
	  AND stream NOT IN ('staff', 'questionnaires')`

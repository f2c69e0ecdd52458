package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Why is what decides what one dossier shows, and to whom, as of one snapshot. It
// holds no names and no content.
type Why struct {
	Client *ClientStanding // nil: the replica has never heard of the client
	Owed   *time.Time      // since when the client's history is still to be read; nil: it is not
	Grants []GrantOn       // by user
	Items  []ItemCount
	// Nameless is how many of the tenant's items in quarantine are of a client who
	// could not be read: they may be of this one.
	Nameless int64
	// Standing and Counts are what the portal API answers the user from.
	Standing Standing
	Counts   []PartCount
}

// ClientStanding is how the replica has a client.
type ClientStanding struct {
	State      dossier.State  `json:"state"`
	Reason     dossier.Reason `json:"reason"` // why the client is not shown; else empty
	Since      time.Time      `json:"since"`  // when the state became what it is
	Deceased   bool           `json:"deceased"`
	ReplacedBy *string        `json:"replacedBy"` // the client into whom this one was merged
}

// GrantOn is a grant on a dossier, with all that keeps it from counting today. A
// date is a day in the tenant's zone.
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

// GrantFault is something that keeps a grant from counting.
type GrantFault string

// What keeps a grant from counting; see also function identify.
const (
	FaultInvited          GrantFault = "invited"
	FaultRevoked          GrantFault = "revoked"
	FaultNotBegun         GrantFault = "not-begun"
	FaultEnded            GrantFault = "ended"
	FaultContactUnknown   GrantFault = "contact-unknown"
	FaultContactElsewhere GrantFault = "contact-elsewhere"
	FaultContactInactive  GrantFault = "contact-inactive"
	FaultContactEnded     GrantFault = "contact-ended"
)

// faults says each to an operator.
var faults = map[GrantFault]string{
	FaultInvited:          "the invitation was not accepted yet",
	FaultRevoked:          "it was revoked",
	FaultNotBegun:         "it begins on a later day",
	FaultEnded:            "its last day is past",
	FaultContactUnknown:   "its contact is not known, or not shown any more",
	FaultContactElsewhere: "its contact is of another client",
	FaultContactInactive:  "its contact is no longer active in the source",
	FaultContactEnded:     "its contact has ended in the source",
}

// Meaning says the fault to an operator, in a few words.
func (f GrantFault) Meaning() string { return faults[f] }

// OfContact reports whether the fault is that of the contact that a grant names.
func (f GrantFault) OfContact() bool { return strings.HasPrefix(string(f), "contact-") }

// ItemCount is how much of a stream the replica has of one client in one state,
// [StateQuarantined] among them.
type ItemCount struct {
	Stream dossier.Stream `json:"stream"`
	Kind   dossier.Kind   `json:"kind"` // of what is shown; else empty
	State  dossier.State  `json:"state"`
	Reason dossier.Reason `json:"reason"`
	Count  int64          `json:"count"`
	Newest *time.Time     `json:"newest"` // of what is shown
}

// Why returns what decides what the client's dossier shows. Standing and Counts
// are for the user; empty: for nobody. It is to be told to the operator by: the access
// log has it before, whether or not the client is known, and where that cannot be
// written it fails with [ErrLogUnavailable].
func (s *Store) Why(ctx context.Context, tenant, client, user, by string) (Why, error) {
	const known = `
		SELECT state, coalesce(reason, ''), since, deceased, replaced_by
		FROM clients WHERE tenant = @tenant AND id = @client`
	const owed = `SELECT min(since) FROM backfills WHERE tenant = @tenant AND client = @client AND NOT recheck`
	const items = `
		SELECT stream, coalesce(kind, ''), state, coalesce(reason, ''), count(*), CASE WHEN state = 'shown' THEN max(at) END
		FROM items WHERE tenant = @tenant AND client = @client AND stream <> 'clients' GROUP BY 1, 2, 3, 4
		UNION ALL
		SELECT stream, '', 'quarantined', reason, count(*), NULL
		FROM quarantine WHERE tenant = @tenant AND client = @client GROUP BY 1, 4
		ORDER BY 1, 2, 3, 4`
	const nameless = `
		SELECT count(*) FROM quarantine
		WHERE tenant = @tenant AND client IS NULL AND stream NOT IN ('staff', 'questionnaires')`
	var w Why
	id := Identity{Tenant: tenant, User: user}
	args := pgx.StrictNamedArgs{"tenant": tenant, "client": client}
	// The owner sees every row; the statements of readers hold rights all the same.
	err := (&Portal{pool: s.pool}).read(ctx, id, client, &w.Standing, func(b *pgx.Batch) {
		queueAnyStanding(b, id, client, &w.Standing, false)
		queueCounts(b, id, client, &w.Counts)
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
		b.Queue(nameless, pgx.StrictNamedArgs{"tenant": tenant}).QueryRow(func(row pgx.Row) error { return row.Scan(&w.Nameless) })
	})
	if err != nil {
		return Why{}, fmt.Errorf("read why a dossier of %s is as it is: %w", tenant, err)
	}
	e := AccessEvent{Tenant: tenant, Action: "read", Event: "why", Outcome: "success", User: by, Client: client, Object: user}
	if err := s.logOperator(ctx, e); err != nil {
		return Why{}, fmt.Errorf("tell why a dossier of %s is as it is: %w", tenant, err)
	}
	return w, nil
}

// grantsOn says of each grant by which of the conditions of function identify
// it does not count today.
const grantsOn = `
	SELECT g.user_id, g.role, g.manager OR g.role = 'client', g.parts, g.state, g.valid_from::text, g.valid_until::text,
		g.contact, g.updated_at, g.updated_by, array_remove(ARRAY[
			CASE WHEN g.state <> 'accepted' THEN g.state END,
			CASE WHEN g.valid_from > d.today THEN 'not-begun' END,
			CASE WHEN g.valid_until < d.today THEN 'ended' END,
			CASE WHEN g.contact IS NULL THEN NULL
				WHEN k.id IS NULL THEN 'contact-unknown'
				WHEN k.client IS DISTINCT FROM g.client THEN 'contact-elsewhere'
				WHEN NOT k.active THEN 'contact-inactive'
				WHEN k.ends < d.today THEN 'contact-ended' END], NULL)
	FROM grants g
	CROSS JOIN (SELECT (now() AT TIME ZONE timezone)::date AS today FROM tenants WHERE id = @tenant) d
	LEFT JOIN contacts k ON k.tenant = g.tenant AND k.id = g.contact
	WHERE g.tenant = @tenant AND g.client = @client ORDER BY g.user_id`

package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Hold is a set of absences that one comparison found and that passed a limit. None of
// its items is removed, or revealed, until an operator decides or the source shows it
// again. Later absences form a set of their own.
type Hold struct {
	ID      int64          `json:"id"`
	Tenant  string         `json:"tenant"`
	Stream  dossier.Stream `json:"stream"`
	Type    string         `json:"type"`
	Reveals bool           `json:"reveals"` // the items are hidden, and their marks are missing
	Rule    HoldRule       `json:"rule"`
	State   HoldState      `json:"state"`
	Since   time.Time      `json:"since"`
	Run     int64          `json:"run"`
	Until   *time.Time     `json:"until"` // kept until then
	Decided *time.Time     `json:"decided"`
	By      *string        `json:"by"` // the operator
	Note    *string        `json:"note"`
	Items   int64          `json:"items"`   // of the type
	Clients int64          `json:"clients"` // that these belong to
	Along   int64          `json:"along"`   // of a hold of clients: what belongs to them
}

// HoldRule is the limit that a set passed.
type HoldRule string

// The rules (I5, I6).
const (
	HeldDay       HoldRule = "day"        // more than max_removed, and than 20, within 24 hours
	HeldWeek      HoldRule = "week"       // three times that within 7 days
	HeldHalf      HoldRule = "half"       // half of the type or more
	HeldPart      HoldRule = "part"       // a client would be left with nothing in a part
	HeldDeletions HoldRule = "deletions"  // a feed of deletions names half of the type or more
	HeldRefused   HoldRule = "refused"    // the source refuses single records for two slots
	HeldReveals   HoldRule = "reveals"    // more marks vanished in a day than the limit of I6
	HeldEveryMark HoldRule = "every-mark" // every mark of the type vanished
)

var holdRuleMeanings = map[HoldRule]string{
	HeldDay:       "more are missing within a day than are removed without an operator",
	HeldWeek:      "more are missing within 7 days than are removed without an operator",
	HeldHalf:      "half of the type or more is missing",
	HeldPart:      "a client would be left with nothing in a part of the dossier",
	HeldDeletions: "the source says that half of the type or more is deleted",
	HeldRefused:   "the source refuses to show single items",
	HeldReveals:   "more marks are missing than are taken away without an operator",
	HeldEveryMark: "every mark of the type is missing",
}

// Meaning says the rule in words, for an operator.
func (r HoldRule) Meaning() string { return holdRuleMeanings[r] }

// HoldState is what was decided on a hold.
type HoldState string

// The states of a hold. An ended one has no items left.
const (
	HoldOpen     HoldState = "open"
	HoldKept     HoldState = "kept"
	HoldApproved HoldState = "approved"
	HoldEnded    HoldState = "ended"
)

// HoldAbsences holds the absences of the type that are confirmed or suspected; only
// those that the source refuses to show if rule is [HeldRefused], and only deletions if it is
// [HeldDeletions]. It returns how many.
func (s *Store) HoldAbsences(ctx context.Context, c Claim, t AbsentType, reveals bool, rule HoldRule) (int64, error) {
	const put = `
		INSERT INTO holds (tenant, stream, type, reveals, rule, run)
		VALUES (@tenant, @stream, @type, @reveals, @rule, @run)
		RETURNING id`
	const hold = `
		UPDATE absences SET state = 'held', hold = @hold
		WHERE tenant = @tenant
		  AND stream = @stream
		  AND type = @type
		  AND (missing = 'mark') = @reveals
		  AND state IN ('suspect', 'confirmed')
		  AND (NOT @refused OR refused >= 2 AND state = 'suspect')
		  AND (named = @deletions OR @refused)`
	var n int64
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		var id int64
		args := t.args(c, pgx.StrictNamedArgs{"reveals": reveals, "rule": rule, "run": c.Run.ID})
		if err := tx.QueryRow(ctx, put, args).Scan(&id); err != nil {
			return err
		}
		args = t.args(c, pgx.StrictNamedArgs{"reveals": reveals, "hold": id,
			"refused": rule == HeldRefused, "deletions": rule == HeldDeletions})
		tag, err := tx.Exec(ctx, hold, args)
		n = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("hold absences of %s: %w", c.Run.Tenant, err)
	}
	return n, nil
}

// queueEndOfHolds ends the holds that have no items left, and has the items of those that
// were kept long enough judged anew.
func queueEndOfHolds(b *pgx.Batch, tenant string) {
	const again = `
		UPDATE absences a SET state = 'suspect', hold = NULL, tried = NULL
		FROM holds h
		WHERE h.tenant = @tenant
		  AND h.state = 'kept'
		  AND h.until <= now()
		  AND a.hold = h.id`
	const ended = `
		UPDATE holds h SET state = 'ended', until = NULL
		WHERE h.tenant = @tenant
		  AND h.state <> 'ended'
		  AND NOT EXISTS (SELECT FROM absences a WHERE a.hold = h.id)`
	for _, q := range []string{again, ended} {
		b.Queue(q, pgx.StrictNamedArgs{"tenant": tenant})
	}
}

// NoteHeldClients notes whose dossiers have items that are held or kept, so that answers about them
// say that they may be incomplete. It fails with [ErrFenced].
func (s *Store) NoteHeldClients(ctx context.Context, c Claim) error {
	const q = `
		WITH held AS (
			SELECT DISTINCT i.client, a.stream
			FROM absences a
			JOIN items i USING (tenant, key)
			WHERE a.tenant = @tenant
			  AND a.hold IS NOT NULL
			  AND a.missing <> 'mark'
			  AND i.client IS NOT NULL),
		gone AS (
			DELETE FROM held_clients h
			WHERE h.tenant = @tenant
			  AND (h.client, h.stream) NOT IN (SELECT client, stream FROM held))
		INSERT INTO held_clients (tenant, client, stream)
		SELECT @tenant, client, stream
		FROM held
		ON CONFLICT DO NOTHING`
	if err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant}); err != nil {
		return fmt.Errorf("note whose items are held: %w", err)
	}
	return nil
}

// Holds returns the holds of a tenant that have items left, the oldest first; of all
// tenants, if tenant is empty.
func (s *Store) Holds(ctx context.Context, tenant string) ([]Hold, error) {
	const q = `
		SELECT h.id, h.tenant, h.stream, h.type, h.reveals, h.rule, h.state,
			h.since, h.run, h.until, h.decided, h.by, h.note,
			count(a.key) FILTER (WHERE a.stream = h.stream),
			count(DISTINCT i.client) FILTER (WHERE a.stream = h.stream),
			count(a.key) FILTER (WHERE a.stream <> h.stream)
		FROM holds h
		JOIN absences a ON a.hold = h.id
		LEFT JOIN items i ON i.tenant = a.tenant AND i.key = a.key
		WHERE h.state <> 'ended'
		  AND (@tenant = '' OR h.tenant = @tenant)
		GROUP BY h.id
		ORDER BY h.tenant, h.id`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Hold], q, pgx.StrictNamedArgs{"tenant": tenant})
	if err != nil {
		return nil, fmt.Errorf("read holds: %w", err)
	}
	return list, nil
}

// HeldItem is one item of a hold, for an operator's eyes: no title, no text.
type HeldItem struct {
	Key     string          `json:"key"`
	Stream  dossier.Stream  `json:"stream"`
	Type    string          `json:"type"`
	Client  string          `json:"client"` // empty: belongs to none
	Kind    *dossier.Kind   `json:"kind"`
	At      *time.Time      `json:"at"` // its place on the time line
	Missing dossier.Missing `json:"missing"`
	Since   time.Time       `json:"since"` // when it was first missing
	Refused bool            `json:"refused"`
}

// HeldItems returns items of the hold whose keys come after a key, by key; at most
// limit. Of one client only, if client is not empty.
func (s *Store) HeldItems(ctx context.Context, tenant string, hold int64, client, after string, limit int) ([]HeldItem, error) {
	const q = `
		SELECT a.key, a.stream, a.type, coalesce(i.client, ''), i.kind, i.at,
			a.missing, a.since, a.refused >= 2
		FROM absences a
		LEFT JOIN items i USING (tenant, key)
		WHERE a.tenant = @tenant
		  AND a.hold = @hold
		  AND a.key > @after
		  AND (@client = '' OR i.client = @client)
		ORDER BY a.key
		LIMIT @limit`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[HeldItem], q, pgx.StrictNamedArgs{
		"tenant": tenant, "hold": hold, "client": client, "after": after, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read the items of hold %d: %w", hold, err)
	}
	return list, nil
}

// HeldClient counts the items of a hold that belong to one client.
type HeldClient struct {
	Client string            `json:"client"` // empty: belong to none
	Items  int64             `json:"items"`  // of the hold's own type
	Along  int64             `json:"along"`  // of a hold of clients: what belongs to the client
	From   *time.Time        `json:"from"`   // the oldest place on the time line; nil: none has one
	To     *time.Time        `json:"to"`
	Kinds  []dossier.Kind    `json:"kinds"`
	Why    []dossier.Missing `json:"missing"`
	// Refused reports that the source refuses to show some of them.
	Refused bool `json:"refused"`
}

// HeldClients counts the items of the hold by client, by the client's id, from the offset on; at
// most limit clients.
func (s *Store) HeldClients(ctx context.Context, tenant string, hold int64, offset, limit int) ([]HeldClient, error) {
	const q = `
		SELECT coalesce(i.client, ''),
		       count(*) FILTER (WHERE a.stream = h.stream),
		       count(*) FILTER (WHERE a.stream <> h.stream),
		       min(i.at), max(i.at),
		       coalesce(array_agg(DISTINCT i.kind) FILTER (WHERE i.kind IS NOT NULL), '{}'),
		       array_agg(DISTINCT a.missing),
		       bool_or(a.refused >= 2)
		FROM holds h
		JOIN absences a ON a.tenant = h.tenant AND a.hold = h.id
		LEFT JOIN items i ON i.tenant = a.tenant AND i.key = a.key
		WHERE h.tenant = @tenant
		  AND h.id = @hold
		GROUP BY 1
		ORDER BY 1
		OFFSET @offset
		LIMIT @limit`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[HeldClient], q, pgx.StrictNamedArgs{
		"tenant": tenant, "hold": hold, "offset": offset, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read the clients of hold %d: %w", hold, err)
	}
	return list, nil
}

// HoldDecision is what an operator decides on a hold, or on several.
type HoldDecision struct {
	Tenant string
	// Hold is one hold; 0: every hold of the tenant that the next three fields select and that is
	// open, or with [HoldOpen] every one that is not.
	Hold   int64
	Stream dossier.Stream // empty: every stream
	Type   string         // empty: every type
	// Reveals selects holds of marks; else those of removals.
	Reveals bool
	Client  string // only this client's items; empty: everybody's
	State   HoldState
	Until   time.Time // of [HoldKept]
	By      string
	Note    string
	// Seen is how many items of the type the operator was shown ([Hold.Items]): if more are
	// held now, nothing is decided.
	Seen int64
}

// decisions maps the states that an operator may decide to the state of the items and to the
// kind of the decision.
var decisions = map[HoldState]struct {
	items string
	kind  DecisionKind
}{
	HoldOpen:     {"held", DecisionReopen},
	HoldKept:     {"kept", DecisionKeep},
	HoldApproved: {"approved", DecisionApprove},
}

// ErrHoldGrew says that more is held than the operator was shown.
var ErrHoldGrew = errors.New("more is held now than was shown")

// DecideHold stores the decision and returns on how many items of the type it is. What
// belongs to a held client goes with the client. An approved item is removed, or revealed,
// by the next run, after a fresh look; a kept one stays as it is and is judged anew when
// its time is over; [HoldOpen] takes a decision back. A decision on one client's items makes
// them a hold of their own. DecideHold fails with [ErrNotFound] if nothing such is held, and
// with [ErrHoldGrew], and then it decides nothing.
func (s *Store) DecideHold(ctx context.Context, d HoldDecision) (int64, error) {
	const find = `
		SELECT h.id, count(*)
		FROM absences a
		JOIN holds h ON h.id = a.hold AND h.stream = a.stream
		LEFT JOIN items i ON i.tenant = a.tenant AND i.key = a.key
		WHERE a.tenant = @tenant
		  AND (h.id = @hold OR @hold = 0
			AND h.reveals = @reveals
			AND (h.state = 'open') = (@state <> 'open')
			AND (@stream = '' OR h.stream = @stream)
			AND (@type = '' OR h.type = @type))
		  AND (@client = '' OR i.client = @client)
		GROUP BY h.id`
	if _, ok := decisions[d.State]; !ok {
		return 0, fmt.Errorf("decide on a hold: %q is no decision", d.State)
	}
	var n int64
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		found, err := queryMap[int64, int64](ctx, tx, find, pgx.StrictNamedArgs{"tenant": d.Tenant, "hold": d.Hold,
			"client": d.Client, "stream": d.Stream, "type": d.Type, "reveals": d.Reveals, "state": d.State})
		if err != nil {
			return err
		}
		for _, items := range found {
			n += items
		}
		switch {
		case n == 0:
			return ErrNotFound
		case n > d.Seen:
			return ErrHoldGrew
		}
		for _, id := range slices.Sorted(maps.Keys(found)) {
			if err := decideOne(ctx, tx, d, id, found[id]); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrHoldGrew) {
		return n, err
	}
	if err != nil {
		return 0, fmt.Errorf("decide on what is held of %s: %w", d.Tenant, err)
	}
	return n, nil
}

// decideOne stores the decision on n items of one hold.
func decideOne(ctx context.Context, tx pgx.Tx, d HoldDecision, id, n int64) error {
	const items = `
		UPDATE absences SET state = @state, tried = NULL
		WHERE tenant = @tenant
		  AND hold = @hold`
	const hold = `
		UPDATE holds SET
			state = @state,
			until = @until,
			decided = now(),
			by = @by,
			note = nullif(@note, '')
		WHERE tenant = @tenant
		  AND id = @hold`
	decision := decisions[d.State]
	if d.Client != "" {
		var err error
		args := pgx.StrictNamedArgs{"tenant": d.Tenant, "hold": id, "client": d.Client}
		if id, err = splitHold(ctx, tx, args); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, items, pgx.StrictNamedArgs{"tenant": d.Tenant, "hold": id, "state": decision.items})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, hold, pgx.StrictNamedArgs{"tenant": d.Tenant, "hold": id,
		"state": d.State, "until": timeOrNull(d.Until), "by": d.By, "note": d.Note})
	if err != nil {
		return err
	}
	return recordDecision(ctx, tx, Decision{Tenant: d.Tenant, By: d.By, What: decision.kind,
		Object: fmt.Sprintf("%d items of hold %d", n, id), Reason: cmp.Or(d.Note, "-")})
}

// splitHold moves the items of one client into a hold of their own, and returns its id. args
// are the tenant, the hold and the client.
func splitHold(ctx context.Context, tx pgx.Tx, args pgx.StrictNamedArgs) (int64, error) {
	const split = `
		WITH own AS (
			INSERT INTO holds (tenant, stream, type, reveals, rule, run, since)
			SELECT tenant, stream, type, reveals, rule, run, since
			FROM holds
			WHERE tenant = @tenant
			  AND id = @hold
			RETURNING id),
		moved AS (
			UPDATE absences a SET hold = own.id
			FROM own, items i
			WHERE a.tenant = @tenant
			  AND a.hold = @hold
			  AND i.tenant = a.tenant
			  AND i.key = a.key
			  AND i.client = @client)
		SELECT id FROM own`
	var id int64
	err := tx.QueryRow(ctx, split, args).Scan(&id)
	return id, err
}

// ApproveHolds approves the removals that are held of the stream, of every stream if that is
// empty, in the name of the operator who asked for the run. Reveals stay held.
func (s *Store) ApproveHolds(ctx context.Context, c Claim, stream dossier.Stream) error {
	const items = `
		UPDATE absences a SET state = 'approved', tried = NULL
		FROM holds h
		WHERE a.tenant = @tenant
		  AND h.id = a.hold
		  AND NOT h.reveals
		  AND (@stream = '' OR h.stream = @stream)
		  AND a.state = 'held'`
	const holds = `
		UPDATE holds SET state = 'approved', until = NULL, decided = now(), by = @by
		WHERE tenant = @tenant
		  AND NOT reveals
		  AND state = 'open'
		  AND (@stream = '' OR stream = @stream)`
	by := "unknown"
	if c.Run.RequestedBy != nil {
		by = *c.Run.RequestedBy
	}
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, items, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, holds, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream, "by": by}); err != nil {
			return err
		}
		object := fmt.Sprintf("%d items", tag.RowsAffected())
		if stream != "" {
			object += " of " + string(stream)
		}
		return recordDecision(ctx, tx, Decision{Tenant: c.Run.Tenant, By: by, What: DecisionApprove,
			Object: object, Reason: fmt.Sprintf("run %d", c.Run.ID)})
	})
	if err != nil {
		return fmt.Errorf("approve what is held of %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// HeldRemovals is how much of a stream waits for an operator's approval.
type HeldRemovals struct {
	Tenant string         `json:"tenant"`
	Stream dossier.Stream `json:"stream"`
	Items  int64          `json:"items"`
	Since  time.Time      `json:"since"` // of the oldest
}

// HeldRemovals returns what is held of a tenant, or of all tenants if tenant is empty, without
// what belongs to held clients.
func (s *Store) HeldRemovals(ctx context.Context, tenant string) ([]HeldRemovals, error) {
	const q = `
		SELECT a.tenant, a.stream, count(*), min(a.since)
		FROM absences a
		JOIN holds h ON h.id = a.hold AND h.stream = a.stream
		WHERE a.state = 'held'
		  AND (@tenant = '' OR a.tenant = @tenant)
		GROUP BY a.tenant, a.stream
		ORDER BY a.tenant, a.stream`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[HeldRemovals], q, pgx.StrictNamedArgs{"tenant": tenant})
	if err != nil {
		return nil, fmt.Errorf("read held removals: %w", err)
	}
	return list, nil
}

package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"dossiersync/store/dossier"
)

// DifferenceKind says how the replica differs from the source.
type DifferenceKind string

// The kinds of differences.
const (
	DifferenceMissing DifferenceKind = "missing" // the source would show it, and the replica has not got it
	DifferenceHidden  DifferenceKind = "hidden"  // the source would show it, and the replica hides it
	DifferenceShown   DifferenceKind = "shown"   // the source would not show it, and the replica does
	DifferenceClient  DifferenceKind = "client"  // it belongs to another client
	DifferenceContent DifferenceKind = "content" // it reads differently
	DifferenceBehind  DifferenceKind = "behind"  // the source has a newer version, which the next run brings
	DifferenceAbsent  DifferenceKind = "absent"  // the source has not got it, or no search finds it, and the replica shows it
)

// meaningOfDifference says each kind to an operator.
var meaningOfDifference = map[DifferenceKind]string{
	DifferenceMissing: "in the source, and not here",
	DifferenceHidden:  "hidden here, although the source and the rules would show it",
	DifferenceShown:   "shown here, although the source or the rules hide it",
	DifferenceClient:  "of another client here than in the source",
	DifferenceContent: "reads differently here than in the source",
	DifferenceBehind:  "newer in the source than the last run",
	DifferenceAbsent:  "shown here, and no longer in the source, or in none of the searches",
}

// Meaning says the kind to an operator, in a few words.
func (k DifferenceKind) Meaning() string { return meaningOfDifference[k] }

// Difference is one item that the replica has otherwise than the source.
type Difference struct {
	Stream      dossier.Stream `json:"stream"`
	dossier.Ref                // of the source
	Kind        DifferenceKind `json:"kind"`
	Reason      dossier.Reason `json:"reason,omitempty"` // for which it is hidden, here or by the source
}

// Verification compares a tenant's replica with its source, without changing
// either. It remembers in the database what it has seen, so that its memory is
// bounded whatever the size. It must be closed.
type Verification struct {
	conn   *pgxpool.Conn
	tenant string
	render Renderer
}

// Verify begins a verification.
func (s *Store) Verify(ctx context.Context, tenant string, r Renderer) (*Verification, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", tenant, err)
	}
	const q = `CREATE TEMPORARY TABLE verified (key text COLLATE "C" PRIMARY KEY)`
	if _, err := conn.Exec(ctx, q); err != nil {
		conn.Release()
		return nil, fmt.Errorf("verify %s: %w", tenant, err)
	}
	return &Verification{conn: conn, tenant: tenant, render: r}, nil
}

// Close ends the verification. Its connection is not used again, so that nothing
// of it stays.
func (v *Verification) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return v.conn.Hijack().Close(ctx)
}

// VerifyResult says what comparing some items came to.
type VerifyResult struct {
	Compared    int64 // distinct items
	Quarantined int64 // of them, which could not be read
	Differences []Difference
}

// Compare compares items of the type, as the source has them now, with what is
// stored. Items that were compared before are passed over, unless again is set.
func (v *Verification) Compare(ctx context.Context, id TypeID, items []dossier.Item, again bool) (VerifyResult, error) {
	var out VerifyResult
	tx, err := v.conn.Begin(ctx)
	if err != nil {
		return out, fmt.Errorf("compare %s of %s: %w", id.Type, v.tenant, err)
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after a commit there is nothing to roll back
	a := &application{tx: tx, render: v.render, comparing: true,
		batch: Batch{Claim: Claim{Run: Run{Tenant: v.tenant}}, Type: id, Items: latest(items)}}
	for i := range a.batch.Items {
		normalize(&a.batch.Items[i])
	}
	if err := v.compare(ctx, a, again, &out); err != nil {
		return out, fmt.Errorf("compare %s of %s: %w", id.Type, v.tenant, err)
	}
	if err := tx.Commit(ctx); err != nil {
		return out, fmt.Errorf("compare %s of %s: %w", id.Type, v.tenant, err)
	}
	return out, nil
}

func (v *Verification) compare(ctx context.Context, a *application, again bool, out *VerifyResult) error {
	a.changed, a.counted = make(map[string]struct{}), make(Effects)
	if err := a.read(ctx); err != nil {
		return err
	}
	const note = `
		INSERT INTO verified SELECT unnest(@keys::text[]) ON CONFLICT DO NOTHING RETURNING key`
	rows, err := a.tx.Query(ctx, note, pgx.StrictNamedArgs{"keys": a.keys})
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	fresh := make(map[string]bool, len(list))
	for _, key := range list {
		fresh[key] = true
	}
	for i := range a.batch.Items {
		if key := a.keys[i]; fresh[key] || again {
			out.add(a.difference(i))
		}
	}
	return nil
}

func (c *VerifyResult) add(d Difference, quarantined bool) {
	c.Compared++
	if quarantined {
		c.Quarantined++
	}
	if d.Kind != "" {
		c.Differences = append(c.Differences, d)
	}
}

// difference says how what is stored differs from the i-th item; its kind is
// empty where it does not.
func (a *application) difference(i int) (d Difference, quarantined bool) {
	it, key := a.batch.Items[i], a.keys[i]
	d = Difference{Stream: it.Stream, Ref: it.Ref}
	if it.State == dossier.StateQuarantined {
		return d, true
	}
	old, here := a.old[key]
	if a.erased[it.Client] && !here {
		return d, false
	}
	a.hideWithClient(&it)
	a.standAside(&it, key)
	isShown := here && old.state == dossier.StateShown
	switch {
	case it.State != dossier.StateShown && isShown:
		d.Kind, d.Reason = DifferenceShown, it.Reason
	case it.State != dossier.StateShown:
		return d, false
	case !here:
		d.Kind = DifferenceMissing
	case !isShown:
		d.Kind, d.Reason = DifferenceHidden, old.reason
	case old.client != it.Client:
		d.Kind = DifferenceClient
	case !a.readsAlike(&it, &old):
		d.Kind = DifferenceContent
	default:
		return d, false
	}
	if here && it.Updated.After(old.updated) || d.Kind == DifferenceMissing && a.isNewer(&it) {
		d.Kind = DifferenceBehind
	}
	return d, false
}

// readsAlike reports whether the item is stored as it would be now.
func (a *application) readsAlike(it *dossier.Item, old *stored) bool {
	if it.Hash != old.hash {
		return false
	}
	r, err := a.rendered(it, nil)
	return err == nil && bytes.Equal(r.Card, old.card) && bytes.Equal(r.Body, old.body)
}

// isNewer reports whether the item changed after what is known to be read.
func (a *application) isNewer(it *dossier.Item) bool {
	return a.upto != nil && it.Updated.After(*a.upto)
}

// Absent returns items of the type that are shown here, of the client if one is
// named, and that no comparison has seen, by key, those after a key only.
func (v *Verification) Absent(ctx context.Context, id TypeID, client, after string, limit int) ([]Absence, error) {
	const q = `
		SELECT i.key, i.stream, i.type, i.id, coalesce(i.client, '') FROM items i
		WHERE i.tenant = @tenant AND i.stream = @stream AND i.type = @type AND i.state = 'shown' AND i.key > @after
		  AND (@client = '' OR i.client = @client) AND NOT EXISTS (SELECT FROM verified x WHERE x.key = i.key)
		ORDER BY i.key LIMIT @limit`
	rows, err := v.conn.Query(ctx, q, pgx.StrictNamedArgs{"tenant": v.tenant,
		"stream": id.Stream, "type": id.Type, "client": client, "after": after, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("look for what the source of %s has not got: %w", v.tenant, err)
	}
	list, err := pgx.CollectRows(rows, scanAbsence)
	if err != nil {
		return nil, fmt.Errorf("look for what the source of %s has not got: %w", v.tenant, err)
	}
	return list, nil
}

// SampleClients returns up to n shown clients, drawn at random.
func (v *Verification) SampleClients(ctx context.Context, n int) ([]string, error) {
	const q = `SELECT id FROM clients WHERE tenant = @tenant AND state = 'shown' ORDER BY random() LIMIT @n`
	rows, err := v.conn.Query(ctx, q, pgx.StrictNamedArgs{"tenant": v.tenant, "n": n})
	if err != nil {
		return nil, fmt.Errorf("draw clients of %s: %w", v.tenant, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("draw clients of %s: %w", v.tenant, err)
	}
	return ids, nil
}

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"dossiersync/store/dossier"
)

// DifferenceKind is the way in which the replica differs from the source.
type DifferenceKind string

// The kinds of differences.
const (
	DifferenceMissing DifferenceKind = "missing" // the source shows it, and the replica does not have it
	DifferenceHidden  DifferenceKind = "hidden"  // the source shows it, and the replica hides it
	DifferenceShown   DifferenceKind = "shown"   // the source does not show it, and the replica does
	DifferenceClient  DifferenceKind = "client"  // it belongs to another client
	DifferenceContent DifferenceKind = "content" // its content differs
	DifferenceBehind  DifferenceKind = "behind"  // the source has a newer version, which the next run reads
	DifferenceAbsent  DifferenceKind = "absent"  // the replica shows it, and no search of the source finds it
)

// meaningOfDifference explains each kind to an operator.
var meaningOfDifference = map[DifferenceKind]string{
	DifferenceMissing: "in the source, and not here",
	DifferenceHidden:  "hidden here, although the source and the rules would show it",
	DifferenceShown:   "shown here, although the source or the rules hide it",
	DifferenceClient:  "of another client here than in the source",
	DifferenceContent: "reads differently here than in the source",
	DifferenceBehind:  "newer in the source than the last run",
	DifferenceAbsent:  "shown here, and no longer in the source, or in none of the searches",
}

// Meaning returns a few words that explain the kind to an operator.
func (k DifferenceKind) Meaning() string { return meaningOfDifference[k] }

// Difference is one item in which the replica differs from the source.
type Difference struct {
	Stream      dossier.Stream `json:"stream"`
	dossier.Ref                // of the source
	Kind        DifferenceKind `json:"kind"`
	Reason      dossier.Reason `json:"reason,omitempty"` // why it is hidden, here or by the source
}

// Verification compares a tenant's replica with its source and changes neither. It keeps the
// items that it has compared in a temporary table, so its memory is bounded. It must be
// closed, and is not safe for concurrent use.
type Verification struct {
	conn   *pgxpool.Conn
	tenant string
	render Renderer
}

// Verify begins a verification, which holds one connection until it is closed.
func (s *Store) Verify(ctx context.Context, tenant string, r Renderer) (*Verification, error) {
	const q = `CREATE TEMPORARY TABLE verified (key text COLLATE "C" PRIMARY KEY)`
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", tenant, err)
	}
	if _, err := conn.Exec(ctx, q); err != nil {
		conn.Release()
		return nil, fmt.Errorf("verify %s: %w", tenant, err)
	}
	return &Verification{conn: conn, tenant: tenant, render: r}, nil
}

// Close ends the verification and its connection, and with that the temporary table.
func (v *Verification) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return v.conn.Hijack().Close(ctx)
}

// VerifyResult is the result of comparing some items.
type VerifyResult struct {
	Compared    int64 // distinct items
	Quarantined int64 // the compared items that could not be read
	Differences []Difference
}

func (r *VerifyResult) add(d Difference, quarantined bool) {
	r.Compared++
	if quarantined {
		r.Quarantined++
	}
	if d.Kind != "" {
		r.Differences = append(r.Differences, d)
	}
}

// Compare compares items of the type, as the source has them now, with the replica. Items
// that were compared before are skipped, unless again is set. The items' hashes must be those
// with which they would be stored.
func (v *Verification) Compare(
	ctx context.Context, id TypeID, items []dossier.Item, again bool,
) (out VerifyResult, err error) {
	items = latest(items)
	for i := range items {
		normalize(&items[i])
	}
	c := comparison{known: newKnown(v.tenant, id.Stream, items, v.render)}
	err = pgx.BeginFunc(ctx, v.conn, func(tx pgx.Tx) error {
		first, err := c.read(ctx, tx, id)
		if err != nil {
			return err
		}
		for i, key := range c.keys {
			if first[key] || again {
				out.add(c.difference(i))
			}
		}
		return nil
	})
	if err != nil {
		return VerifyResult{}, fmt.Errorf("compare %s of %s: %w", id.Type, v.tenant, err)
	}
	return out, nil
}

// Absent returns up to limit items of the type that the replica shows and no comparison has
// met, by key, beginning after the key after. A client limits them to that client's.
func (v *Verification) Absent(
	ctx context.Context, id TypeID, client, after string, limit int,
) ([]Absence, error) {
	const q = `
		SELECT i.key, i.stream, i.type, i.id, coalesce(i.client, ''), 'record', false, false
		FROM items i
		WHERE i.tenant = @tenant AND i.stream = @stream AND i.type = @type
		  AND i.state = 'shown'
		  AND i.key > @after
		  AND (@client = '' OR i.client = @client)
		  AND NOT EXISTS (SELECT FROM verified x WHERE x.key = i.key)
		ORDER BY i.key
		LIMIT @limit`
	list, err := queryList(ctx, v.conn, scanAbsence, q, pgx.StrictNamedArgs{"tenant": v.tenant,
		"stream": id.Stream, "type": id.Type, "client": client, "after": after, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("look for items that the source of %s does not have: %w", v.tenant, err)
	}
	return list, nil
}

// SampleClients returns up to n shown clients, drawn at random.
func (v *Verification) SampleClients(ctx context.Context, n int) ([]string, error) {
	const q = `
		SELECT id
		FROM clients
		WHERE tenant = @tenant AND state = 'shown'
		ORDER BY random()
		LIMIT @n`
	args := pgx.StrictNamedArgs{"tenant": v.tenant, "n": n}
	ids, err := queryList(ctx, v.conn, pgx.RowTo[string], q, args)
	if err != nil {
		return nil, fmt.Errorf("draw clients of %s: %w", v.tenant, err)
	}
	return ids, nil
}

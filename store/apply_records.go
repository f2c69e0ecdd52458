package store

import (
	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// recordsOf is a type whose records are counted.
type recordsOf struct {
	stream dossier.Stream
	typ    string
}

// isThere reports whether the source is believed to have a record that is stored like that. A
// record that was entered in error is still there; so is, for all that is known, one that was
// purged with its client or its type. What is erased is deleted without a count: the source has
// it.
func isThere(state dossier.State, reason dossier.Reason) bool {
	return state != dossier.StateWithdrawn || reason != dossier.WithdrawnDeleted && reason != dossier.WithdrawnAbsent
}

// thereSQL is [isThere] of an item i.
const thereSQL = `(i.state <> 'withdrawn' OR i.reason NOT IN ('deleted', 'absent'))`

// countRecord notes that the item is stored in place of old (nil: nothing is).
func (a *application) countRecord(it *dossier.Item, old *stored) {
	if a.out.records == nil {
		a.out.records = make(map[recordsOf]int64)
	}
	if old != nil && isThere(old.state, old.reason) {
		a.out.records[recordsOf{old.stream, it.Type}]--
	}
	if isThere(it.State, it.Reason) {
		a.out.records[recordsOf{it.Stream, it.Type}]++
	}
}

// queueRecords moves the counters of records. A counter that is null stays so.
func (a *application) queueRecords(b *pgx.Batch) {
	const q = `
		INSERT INTO type_counts AS t (tenant, stream, type, records)
		VALUES (@tenant, @stream, @type, greatest(@n, 0))
		ON CONFLICT (tenant, stream, type) DO UPDATE SET
			records = greatest(t.records + @n, 0)
		WHERE t.records IS NOT NULL`
	for of, n := range a.out.records {
		if n != 0 {
			b.Queue(q, pgx.StrictNamedArgs{"tenant": a.tenant, "stream": of.stream, "type": of.typ, "n": n})
		}
	}
}

package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dossiersync/store/dossier"
)

// A first load stores items of which nothing is stored. Looking each up, in items and in seen, and
// expecting a conflict for each reference, would take as long as storing it. A batch that is new
// goes without: COPY fails with a unique violation if that is wrong, and the batch is applied once
// more with the look-ups.

var (
	// errNotNew is returned for a batch that was taken for new and is not.
	errNotNew = errors.New("an item of the batch is stored or counted already")
	// errWithoutRow is returned for a batch that was taken for new, if an item of it gets no row.
	// COPY would not show that the item is stored.
	errWithoutRow = errors.New("an item of the batch gets no row")
)

// mayBeNew reports whether every item of the batch would get a row, so that no item that is stored
// can be overlooked.
func mayBeNew(b *Batch) bool {
	return b.Kind == BatchListed && !b.Claim.Run.Scope.DryRun && !b.RulesChanged &&
		!slices.ContainsFunc(b.Items, func(it dossier.Item) bool {
			return it.ID == "" || it.State == dossier.StateQuarantined
		})
}

// orNotNew returns errNotNew in place of a unique violation.
func (a *application) orNotNew(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "23505" && a.areNew {
		return errNotNew
	}
	return err
}

// copyNew stores the references and the accounting of new items.
func (a *application) copyNew(ctx context.Context) error {
	w := &a.out
	refs := make([][]any, len(w.refTo))
	for i, target := range w.refTo {
		refs[i] = []any{a.tenant, target, w.refFrom[i]}
	}
	slices.SortFunc(refs, func(x, y []any) int {
		return cmp.Or(cmp.Compare(x[1].(string), y[1].(string)), cmp.Compare(x[2].(string), y[2].(string)))
	})
	refs = slices.CompactFunc(refs, func(x, y []any) bool { return x[1] == y[1] && x[2] == y[2] })
	seen := make([][]any, len(w.seen.keys))
	for i, key := range w.seen.keys {
		seen[i] = []any{a.batch.Claim.Run.ID, key, string(w.seen.effects[i])}
	}
	slices.SortFunc(seen, func(x, y []any) int { return cmp.Compare(x[1].(string), y[1].(string)) })
	for _, t := range []struct {
		name    string
		columns []string
		rows    [][]any
	}{
		{"refs", []string{"tenant", "target", "key"}, refs},
		{"seen", []string{"run", "key", "effect"}, seen},
	} {
		if len(t.rows) == 0 {
			continue
		}
		_, err := a.tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromRows(t.rows))
		if err != nil {
			return a.orNotNew(fmt.Errorf("copy %s: %w", t.name, err))
		}
	}
	w.refFrom, w.refTo, w.seen = nil, nil, seenRows{}
	return nil
}

package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// read fetches, in one round trip, all that deciding on the batch needs, and
// locks the run against being taken over.
func (a *application) read(ctx context.Context) error {
	a.keys = make([]string, len(a.batch.Items))
	var clients []string
	for i := range a.batch.Items {
		a.keys[i] = a.batch.Items[i].key(a.tenant())
		if c := a.batch.Items[i].Client; c != "" {
			clients = append(clients, c)
		}
	}
	slices.Sort(clients)
	clients = slices.Compact(clients)

	const typeState = `
		SELECT t.epoch, r.effects FROM tenants t, run_types r
		WHERE t.id = @tenant AND r.run = @run AND r.stream = @stream AND r.type = @type AND r.query = @query`
	const items = `
		SELECT i.* FROM unnest(@keys::text[]) k CROSS JOIN LATERAL (
			SELECT key, state, coalesce(reason, ''), coalesce(client, ''), epoch, version, updated, hash, stream,
				CASE WHEN @targets THEN card END, CASE WHEN @targets THEN body END, CASE WHEN @targets THEN model END
			FROM items WHERE tenant = @tenant AND key = k OFFSET 0) i`
	const seen = `
		SELECT s.* FROM unnest(@keys::text[]) k CROSS JOIN LATERAL (
			SELECT key, effect FROM seen WHERE run = @run AND key = k OFFSET 0) s`
	const clientStates = `
		SELECT c.* FROM unnest(@clients::text[]) x CROSS JOIN LATERAL (
			SELECT id, state FROM clients WHERE tenant = @tenant AND id = x OFFSET 0) c`

	id, run, tenant := a.batch.Type, a.batch.Claim.Run.ID, a.tenant()
	var b pgx.Batch
	b.Queue(holdClaimSQL, holdClaimArgs(a.batch.Claim)).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&a.cancelled)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrFenced
		}
		return err
	})
	b.Queue(typeState, pgx.StrictNamedArgs{
		"tenant": tenant, "run": run, "stream": id.Stream, "type": id.Type, "query": id.Query,
	}).QueryRow(func(row pgx.Row) error { return row.Scan(&a.epoch, &a.effects) })
	a.old = make(map[string]stored)
	b.Queue(items, pgx.StrictNamedArgs{
		"tenant": tenant, "keys": a.keys, "targets": isTarget(id.Stream)}).Query(func(rows pgx.Rows) error {
		var o stored
		var updated *time.Time
		var hash []byte
		_, err := pgx.ForEachRow(rows, []any{&o.key, &o.state, &o.reason, &o.client, &o.epoch, &o.version, &updated, &hash,
			&o.stream, &o.card, &o.body, &o.model},
			func() error {
				o.updated = time.Time{}
				if updated != nil {
					o.updated = *updated
				}
				copy(o.hash[:], hash)
				a.old[o.key] = o
				return nil
			})
		return err
	})
	a.before = make(map[string]Effect)
	b.Queue(seen, pgx.StrictNamedArgs{"run": run, "keys": a.keys}).Query(collectMap(a.before))
	a.clients = make(map[string]State)
	b.Queue(clientStates, pgx.StrictNamedArgs{"tenant": tenant, "clients": clients}).Query(collectMap(a.clients))
	a.replacedBy = make(map[string]string)
	b.Queue(replacedSQL, pgx.StrictNamedArgs{"tenant": tenant, "keys": a.keys}).Query(collectMap(a.replacedBy))
	a.shown = make(map[string]*Shown)
	b.Queue(shownSQL, pgx.StrictNamedArgs{"tenant": tenant, "names": a.names()}).Query(collectShown(a.shown))
	return a.tx.SendBatch(ctx, &b).Close()
}

// shownSQL reads what items are rendered from. Like the other look-ups of a
// batch it looks up key by key (LATERAL … OFFSET 0): left the choice, the planner
// reads the whole of a table that it has no statistics of yet, as in a first load.
const shownSQL = `
	SELECT i.* FROM unnest(@names::text[]) n CROSS JOIN LATERAL (
		SELECT key, kind, coalesce(client, ''), card, body, model FROM items
		WHERE tenant = @tenant AND key = n AND state = 'shown'
		UNION ALL
		SELECT alias, 'questionnaire', '', NULL, NULL, model FROM definitions
		WHERE tenant = @tenant AND alias = n) i`

func collectMap[V any](m map[string]V) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var k string
		var v V
		_, err := pgx.ForEachRow(rows, []any{&k, &v}, func() error {
			m[k] = v
			return nil
		})
		return err
	}
}

func collectShown(m map[string]*Shown) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[Shown])
		for _, s := range list {
			m[s.Key] = s
		}
		return err
	}
}

package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// read fetches, in one round trip, all that deciding on the batch needs, and
// locks the run against being taken over.
func (a *application) read(ctx context.Context) error {
	a.keys = make([]string, len(a.batch.Items))
	var clients []string
	for i := range a.batch.Items {
		a.keys[i] = itemKey(a.tenant(), &a.batch.Items[i])
		if c := a.batch.Items[i].Client; c != "" {
			clients = append(clients, c)
		}
	}
	slices.Sort(clients)
	clients = slices.Compact(clients)

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

	const barred = `SELECT key, updated FROM quarantine WHERE tenant = @tenant AND key = ANY(@keys) AND updated IS NOT NULL`

	id, run, tenant := a.batch.Type, a.batch.Claim.Run.ID, a.tenant()
	var b pgx.Batch
	a.queueRunCheck(&b)
	a.old = make(map[string]stored)
	b.Queue(items, pgx.StrictNamedArgs{
		"tenant": tenant, "keys": a.keys, "targets": a.comparing || isTarget(id.Stream)}).Query(func(rows pgx.Rows) error {
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
	if a.batch.Direct {
		a.barred = make(map[string]time.Time)
		b.Queue(barred, pgx.StrictNamedArgs{"tenant": tenant, "keys": a.keys}).Query(collectMap(a.barred))
	}
	a.before = make(map[string]Effect)
	b.Queue(seen, pgx.StrictNamedArgs{"run": run, "keys": a.keys}).Query(collectMap(a.before))
	a.clients = make(map[string]dossier.State)
	b.Queue(clientStates, pgx.StrictNamedArgs{"tenant": tenant, "clients": clients}).Query(collectMap(a.clients))
	a.queueErased(&b, clients)
	a.displaced = make(map[displaced]struct{})
	b.Queue(replacedSQL, pgx.StrictNamedArgs{"tenant": tenant, "keys": a.keys}).Query(collectDisplaced(a.displaced))
	a.around.tenant = tenant
	for i := range a.batch.Items {
		if it := &a.batch.Items[i]; it.Content != nil {
			a.around.add(a.keys[i], it.Content)
		}
	}
	a.around.queue(&b)
	if !a.comparing {
		b.Queue(planOnce)
	}
	return a.tx.SendBatch(ctx, &b).Close()
}

// queueRunCheck asks for the tenant's epoch and, unless nothing is to be written,
// for the run: that it is still ours, and its accounting so far.
func (a *application) queueRunCheck(b *pgx.Batch) {
	if a.comparing {
		const known = `
			SELECT epoch, (SELECT min(upto) FROM cursors WHERE tenant = @tenant AND stream = @stream AND type = @type AND client = '')
			FROM tenants WHERE id = @tenant`
		args := pgx.StrictNamedArgs{"tenant": a.tenant(), "stream": a.batch.Type.Stream, "type": a.batch.Type.Type}
		b.Queue(known, args).QueryRow(func(row pgx.Row) error { return row.Scan(&a.epoch, &a.upto) })
		return
	}
	const typeState = `
		SELECT t.epoch, r.effects FROM tenants t, run_types r
		WHERE t.id = @tenant AND r.run = @run AND r.stream = @stream AND r.type = @type AND r.query = @query`
	b.Queue(holdClaimSQL, holdClaimArgs(a.batch.Claim)).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&a.cancelled)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrFenced
		}
		return err
	})
	id := a.batch.Type
	b.Queue(typeState, pgx.StrictNamedArgs{
		"tenant": a.tenant(), "run": a.batch.Claim.Run.ID, "stream": id.Stream, "type": id.Type, "query": id.Query,
	}).QueryRow(func(row pgx.Row) error { return row.Scan(&a.epoch, &a.effects) })
}

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

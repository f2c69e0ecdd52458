package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// A type that the configuration no longer pulls leaves its cursor behind until
// all that was stored of it is gone, whoever is killed meanwhile. The cursor's
// fingerprint is then this word, a space, and the key up to which items have been
// looked at. Shared again, the type is read from the beginning.
const unshared = "unshared"

// Unshared is what one bite of a removal led to.
type Unshared struct {
	Items map[dossier.Stream]int64 // removed
	More  bool                     // there may be more to remove
}

// Unshare removes what the run's tenant no longer shares: the content of items,
// contacts, questionnaires' labels, and what is in quarantine, of the types that
// [Store.StartRunTypes] found to be no longer pulled. It looks at no more than so
// many items; called until there is no more, it is done, and called again it
// changes nothing. What is rendered from something removed is rendered again.
func (s *Store) Unshare(ctx context.Context, c Claim, bite int) (Unshared, error) {
	u := unsharing{tenant: c.Run.Tenant, run: c.Run.ID}
	var out Unshared
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		if err := u.read(ctx, tx); err != nil || len(u.streams) == 0 {
			return err
		}
		last, keys, err := u.walk(ctx, tx, bite)
		if err != nil {
			return err
		}
		if last == "" {
			return u.finish(ctx, tx)
		}
		out.More = true
		if out.Items, err = u.remove(ctx, tx, keys); err != nil {
			return err
		}
		const note = `
			UPDATE cursors SET fingerprint = @unshared || ' ' || @last
			WHERE tenant = @tenant AND client = '' AND split_part(fingerprint, ' ', 1) = @unshared`
		if _, err := tx.Exec(ctx, note, pgx.StrictNamedArgs{"tenant": u.tenant, "unshared": unshared, "last": last}); err != nil {
			return err
		}
		return raiseChange(ctx, tx, u.tenant, u.clients)
	})
	if err != nil {
		return Unshared{}, fmt.Errorf("remove what %s no longer shares: %w", c.Run.Tenant, err)
	}
	return out, nil
}

// unsharing is one bite.
type unsharing struct {
	tenant         string
	run            int64
	streams, types []string // what is no longer pulled, in pairs
	after          string   // the key up to which items have been looked at
	clients        []string // whose dossiers look different now
}

// read finds what is to be removed, and how far that is.
func (u *unsharing) read(ctx context.Context, tx pgx.Tx) error {
	const q = `
		SELECT DISTINCT stream, type, fingerprint FROM cursors
		WHERE tenant = @tenant AND client = '' AND split_part(fingerprint, ' ', 1) = @unshared`
	rows, err := tx.Query(ctx, q, pgx.StrictNamedArgs{"tenant": u.tenant, "unshared": unshared})
	if err != nil {
		return err
	}
	var stream, typ, mark string
	_, err = pgx.ForEachRow(rows, []any{&stream, &typ, &mark}, func() error {
		u.streams, u.types = append(u.streams, stream), append(u.types, typ)
		_, u.after, _ = strings.Cut(mark, " ") // the same for all: they are marked together
		return nil
	})
	return err
}

// walk looks at the next items, and returns the last of them and which of them
// are to be removed.
func (u *unsharing) walk(ctx context.Context, tx pgx.Tx, bite int) (last string, keys []string, err error) {
	const q = `
		WITH walked AS MATERIALIZED (
			SELECT key, stream, type, state FROM items WHERE tenant = @tenant AND key > @after ORDER BY key LIMIT @bite)
		SELECT coalesce(max(key), ''), coalesce(array_agg(key) FILTER (WHERE state <> 'withdrawn'
			AND (stream, type) IN (SELECT * FROM unnest(@streams::text[], @types::text[]))), '{}')
		FROM walked`
	err = tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": u.tenant, "after": u.after, "bite": bite,
		"streams": u.streams, "types": u.types}).Scan(&last, &keys)
	return last, keys, err
}

// remove leaves tombstones of the items, and nothing of what hangs on them.
func (u *unsharing) remove(ctx context.Context, tx pgx.Tx, keys []string) (map[dossier.Stream]int64, error) {
	const touched = `
		SELECT coalesce(array_agg(DISTINCT client ORDER BY client), '{}') FROM items
		WHERE tenant = @tenant AND key = ANY(@keys) AND state = 'shown' AND client IS NOT NULL`
	const items = `
		UPDATE items SET state = 'withdrawn', reason = 'purged', observed = now(), ` + contentless + `
		WHERE tenant = @tenant AND key = ANY(@keys) RETURNING stream`
	const contacts = `
		DELETE FROM contacts k USING items i
		WHERE i.tenant = @tenant AND i.key = ANY(@keys) AND i.stream = 'contacts' AND k.tenant = @tenant AND k.id = i.id`
	// In either direction: a plan may be rendered from the agreements that name it.
	const stale = `
		WITH gone AS (DELETE FROM definitions WHERE tenant = @tenant AND key = ANY(@keys) RETURNING alias)
		INSERT INTO stale (tenant, key)
		SELECT tenant, key FROM refs WHERE tenant = @tenant AND target = ANY(@keys)
		UNION SELECT r.tenant, r.key FROM refs r JOIN gone ON r.target = gone.alias WHERE r.tenant = @tenant
		UNION SELECT tenant, target FROM refs WHERE tenant = @tenant AND key = ANY(@keys)
		ON CONFLICT DO NOTHING`
	if len(keys) == 0 {
		return nil, nil
	}
	args := pgx.StrictNamedArgs{"tenant": u.tenant, "keys": keys}
	if err := tx.QueryRow(ctx, touched, args).Scan(&u.clients); err != nil {
		return nil, err
	}
	for _, q := range []string{contacts, stale} {
		if _, err := tx.Exec(ctx, q, args); err != nil {
			return nil, err
		}
	}
	for _, table := range []string{"refs", "stale", "replacements", "rereads", "absences"} {
		q := `DELETE FROM ` + table + ` WHERE tenant = @tenant AND key = ANY(@keys)`
		if _, err := tx.Exec(ctx, q, args); err != nil {
			return nil, err
		}
	}
	rows, err := tx.Query(ctx, items, args)
	if err != nil {
		return nil, err
	}
	removed := make(map[dossier.Stream]int64)
	var stream dossier.Stream
	_, err = pgx.ForEachRow(rows, []any{&stream}, func() error {
		removed[stream]++
		return nil
	})
	return removed, err
}

// finish forgets the types: all items have been looked at.
func (u *unsharing) finish(ctx context.Context, tx pgx.Tx) error {
	// Of a stream that is gone altogether also what came astray with it.
	const quarantine = `
		DELETE FROM quarantine q WHERE q.tenant = @tenant
		  AND (q.stream, q.type) IN (SELECT * FROM unnest(@streams::text[], @types::text[]))
		   OR q.tenant = @tenant AND q.stream = ANY(@streams)
		  AND NOT EXISTS (SELECT FROM run_types t WHERE t.run = @run AND t.stream = q.stream)`
	const cursors = `
		DELETE FROM cursors WHERE tenant = @tenant AND client = '' AND split_part(fingerprint, ' ', 1) = @unshared`
	args := pgx.StrictNamedArgs{"tenant": u.tenant, "run": u.run, "streams": u.streams, "types": u.types}
	if _, err := tx.Exec(ctx, quarantine, args); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, cursors, pgx.StrictNamedArgs{"tenant": u.tenant, "unshared": unshared})
	return err
}

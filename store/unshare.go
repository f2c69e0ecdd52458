package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// unshared marks the cursors of types that the configuration no longer pulls. The fingerprint
// of such a cursor is this word, a space, and the key up to which items have been examined. The
// cursor stays until all items of the type are removed, so that a removal survives the end of
// its process. If the type is pulled again, it is read from the beginning.
const unshared = "unshared"

// Unshared is the result of one step of a removal.
type Unshared struct {
	Items map[dossier.Stream]int64 // removed
	More  bool                     // there may be more to remove
}

// Unshare removes the types that [Store.StartRunTypes] found to be no longer pulled: the
// content of their items, contacts, questionnaires' labels, and their items in quarantine. Each
// call examines up to limit items; the caller repeats it while More is true. Calling it again
// after that changes nothing. Items that name a removed item are marked to be rendered again.
// It fails with [ErrFenced].
func (s *Store) Unshare(ctx context.Context, c Claim, limit int) (Unshared, error) {
	u := unsharing{tenant: c.Run.Tenant, run: c.Run.ID}
	var out Unshared
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		if err := u.read(ctx, tx); err != nil || len(u.streams) == 0 {
			return err
		}
		last, keys, err := u.examine(ctx, tx, limit)
		if err != nil {
			return err
		}
		if last == "" {
			return u.finish(ctx, tx)
		}
		out.More = true
		if len(keys) > 0 {
			if out.Items, err = u.remove(ctx, tx, keys); err != nil {
				return err
			}
		}
		if err := u.moveTo(ctx, tx, last); err != nil {
			return err
		}
		return raiseChange(ctx, tx, u.tenant, u.clients)
	})
	if err != nil {
		return Unshared{}, fmt.Errorf("remove what %s no longer shares: %w", c.Run.Tenant, err)
	}
	return out, nil
}

// unsharing is one step of a removal.
type unsharing struct {
	tenant         string
	run            int64
	streams, types []string // the types that are no longer pulled, in pairs
	after          string   // the key up to which items have been examined
	clients        []string // whose dossiers look different now
}

// ofUnshared selects the cursors of types that are no longer pulled.
const ofUnshared = `tenant = @tenant AND client = '' AND split_part(fingerprint, ' ', 1) = @unshared`

// read reads the types to remove, and the key up to which items have been examined.
func (u *unsharing) read(ctx context.Context, tx pgx.Tx) error {
	const q = `
		SELECT DISTINCT stream, type, fingerprint
		FROM cursors
		WHERE ` + ofUnshared
	rows, err := tx.Query(ctx, q, pgx.StrictNamedArgs{"tenant": u.tenant, "unshared": unshared})
	if err != nil {
		return err
	}
	var stream, typ, fingerprint string
	_, err = pgx.ForEachRow(rows, []any{&stream, &typ, &fingerprint}, func() error {
		u.streams, u.types = append(u.streams, stream), append(u.types, typ)
		_, u.after, _ = strings.Cut(fingerprint, " ") // equal for all, because moveTo moves all
		return nil
	})
	return err
}

// examine returns the last of the next items (empty: there are none), and those of them that
// are to be removed.
func (u *unsharing) examine(ctx context.Context, tx pgx.Tx, limit int) (last string, keys []string, err error) {
	const q = `
		WITH examined AS MATERIALIZED ( -- in the order of the key, whatever their types
			SELECT key, stream, type, state
			FROM items
			WHERE tenant = @tenant AND key > @after
			ORDER BY key
			LIMIT @limit)
		SELECT
			coalesce(max(key), ''),
			coalesce(array_agg(key) FILTER (
				WHERE state <> 'withdrawn'
				  AND (stream, type) IN (
					SELECT * FROM unnest(@streams::text[], @types::text[]))), '{}')
		FROM examined`
	err = tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": u.tenant, "after": u.after, "limit": limit,
		"streams": u.streams, "types": u.types}).Scan(&last, &keys)
	return last, keys, err
}

// remove turns the items into tombstones, deletes the rows of other tables about them, and
// returns how many items it removed.
func (u *unsharing) remove(ctx context.Context, tx pgx.Tx, keys []string) (map[dossier.Stream]int64, error) {
	const clients = `
		SELECT DISTINCT client
		FROM items
		WHERE tenant = @tenant AND key = ANY(@keys) AND state = 'shown' AND client IS NOT NULL
		ORDER BY client`
	const withdraw = `
		UPDATE items SET state = 'withdrawn', reason = 'purged', observed = now(),` + contentless + `
		WHERE tenant = @tenant AND key = ANY(@keys)
		RETURNING stream`
	args := pgx.StrictNamedArgs{"tenant": u.tenant, "keys": keys}
	var err error
	if u.clients, err = queryList(ctx, tx, pgx.RowTo[string], clients, args); err != nil {
		return nil, err
	}
	if err := u.deleteRelated(ctx, tx, args); err != nil {
		return nil, err
	}
	streams, err := queryList(ctx, tx, pgx.RowTo[dossier.Stream], withdraw, args)
	removed := make(map[dossier.Stream]int64)
	for _, stream := range streams {
		removed[stream]++
	}
	return removed, err
}

// deleteRelated deletes the rows of other tables about the items, and marks the items to be
// rendered again that they name or that name them.
func (u *unsharing) deleteRelated(ctx context.Context, tx pgx.Tx, args pgx.StrictNamedArgs) error {
	const contacts = `
		DELETE FROM contacts k
		USING items i
		WHERE i.tenant = @tenant AND i.key = ANY(@keys) AND i.stream = 'contacts'
		  AND k.tenant = @tenant AND k.id = i.id`
	// In both directions, because a plan is rendered from the agreements that name it.
	const mark = `
		WITH gone AS (
			DELETE FROM definitions
			WHERE tenant = @tenant AND key = ANY(@keys)
			RETURNING alias)
		INSERT INTO stale (tenant, key)
		SELECT tenant, key
			FROM refs
			WHERE tenant = @tenant AND target = ANY(@keys)
		UNION
		SELECT r.tenant, r.key
			FROM refs r
			JOIN gone ON r.target = gone.alias
			WHERE r.tenant = @tenant
		UNION
		SELECT tenant, target
			FROM refs
			WHERE tenant = @tenant AND key = ANY(@keys)
		ON CONFLICT DO NOTHING`
	statements := []string{contacts, mark}
	for _, table := range []string{"refs", "stale", "replacements", "rereads", "absences", "left_out"} {
		statements = append(statements, `DELETE FROM `+table+` WHERE tenant = @tenant AND key = ANY(@keys)`)
	}
	for _, q := range statements {
		if _, err := tx.Exec(ctx, q, args); err != nil {
			return err
		}
	}
	return nil
}

// moveTo stores the key up to which items have been examined.
func (u *unsharing) moveTo(ctx context.Context, tx pgx.Tx, last string) error {
	const q = `
		UPDATE cursors SET fingerprint = @unshared || ' ' || @last
		WHERE ` + ofUnshared
	_, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": u.tenant, "unshared": unshared, "last": last})
	return err
}

// finish deletes the types' items in quarantine and their cursors, when all items have been
// examined.
func (u *unsharing) finish(ctx context.Context, tx pgx.Tx) error {
	// Of a stream without any type left, its stray items of other types go too.
	const quarantine = `
		DELETE FROM quarantine q
		WHERE q.tenant = @tenant
		  AND ((q.stream, q.type) IN (SELECT * FROM unnest(@streams::text[], @types::text[]))
			OR q.stream = ANY(@streams) AND NOT EXISTS (
				SELECT FROM run_types t
				WHERE t.run = @run AND t.stream = q.stream))`
	const cursors = `
		DELETE FROM cursors
		WHERE ` + ofUnshared
	args := pgx.StrictNamedArgs{"tenant": u.tenant, "run": u.run, "streams": u.streams, "types": u.types}
	if _, err := tx.Exec(ctx, quarantine, args); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, cursors, pgx.StrictNamedArgs{"tenant": u.tenant, "unshared": unshared})
	return err
}

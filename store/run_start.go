package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// StartRunTypes stores the types that the run is going to read; repeating it changes nothing.
// Types without a first page are recorded in table unread; until then their stream has no
// asOf. A run of the whole tenant also brings the tenant's cursors in line with its types; see
// settleCursors. It fails with [ErrFenced].
func (s *Store) StartRunTypes(ctx context.Context, c Claim, types []RunType) error {
	const insert = `
		INSERT INTO run_types (run, ordinal, stream, type, query, from_time, to_time, as_of,
			fingerprint, hiding, done, named)
		SELECT @run, n - 1, stream, type, query, from_time, to_time, as_of,
			fingerprint, hiding, done, named
		FROM unnest(@streams::text[], @types::text[], @queries::text[], @from::timestamptz[],
			@to::timestamptz[], @as_of::timestamptz[], @fingerprints::text[], @hiding::text[],
			@done::boolean[], @named::boolean[]) WITH ORDINALITY
			t (stream, type, query, from_time, to_time, as_of, fingerprint, hiding, done, named, n)
		ON CONFLICT DO NOTHING`
	const unread = `
		INSERT INTO unread (tenant, stream, type, query)
		SELECT @tenant, t.stream, t.type, t.query
		FROM run_types t
		WHERE t.run = @run AND NOT @dry
		  AND NOT EXISTS (
			SELECT FROM cursors k
			WHERE k.tenant = @tenant AND k.client = ''
			  AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query))
		ON CONFLICT DO NOTHING`
	var streams, names, queries, fingerprints, hiding []string
	var from []*time.Time
	var to, asOf []time.Time
	var done, named []bool
	for _, t := range types {
		streams, names, queries = append(streams, string(t.Stream)), append(names, t.Type), append(queries, t.Query)
		from, to, asOf = append(from, t.From), append(to, t.To), append(asOf, t.AsOf)
		fingerprints, hiding = append(fingerprints, t.Fingerprint), append(hiding, t.Hiding)
		done, named = append(done, t.Done), append(named, t.Named)
	}
	_, err := s.allAsClaimant(ctx, c, func(b *pgx.Batch) {
		b.Queue(insert, pgx.StrictNamedArgs{"run": c.Run.ID, "streams": streams, "types": names,
			"queries": queries, "from": from, "to": to, "as_of": asOf, "fingerprints": fingerprints,
			"hiding": hiding, "done": done, "named": named})
		b.Queue(markSeen, pgx.StrictNamedArgs{"run": c.Run.ID})
		b.Queue(unread, pgx.StrictNamedArgs{
			"run": c.Run.ID, "tenant": c.Run.Tenant, "dry": c.Run.Scope.DryRun})
		if c.Run.Scope.IsWhole() {
			b.Queue(settleCursors, pgx.StrictNamedArgs{
				"run": c.Run.ID, "tenant": c.Run.Tenant, "unshared": unshared})
		}
	})
	if err != nil {
		return fmt.Errorf("begin run %d: %w", c.Run.ID, err)
	}
	return nil
}

// settleCursors brings the tenant's cursors in line with the types of a run:
//
//   - Types that the tenant no longer has are not unread either.
//   - If the rules have changed, or the source's clock was put back, the cursor goes back to where
//     the run begins. If the rules hide other items than before, no item of the type is shown until
//     all have been read again.
//   - Types that are no longer pulled are left to [Store.Unshare].
//   - The cursors of searches that are no longer made, of types that others pull, are dropped.
const settleCursors = `
	WITH planned AS (
		SELECT *
		FROM run_types
		WHERE run = @run),
	known AS (
		DELETE FROM unread u
		WHERE u.tenant = @tenant
		  AND NOT EXISTS (
			SELECT FROM planned t
			WHERE (u.stream, u.type, u.query) = (t.stream, t.type, t.query))),
	back AS (
		UPDATE cursors k SET
			upto = CASE WHEN k.fingerprint = t.fingerprint THEN least(k.upto, t.to_time) END,
			as_of = CASE WHEN split_part(k.fingerprint, ' ', 1) <> @unshared THEN k.as_of END,
			fingerprint = t.fingerprint,
			hiding = t.hiding,
			rechecking = k.rechecking OR k.hiding <> t.hiding
		FROM planned t
		WHERE k.tenant = @tenant AND k.client = ''
		  AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query)
		  AND (k.fingerprint <> t.fingerprint OR k.hiding <> t.hiding OR k.upto > t.to_time)),
	gone AS (
		SELECT k.stream, k.type, k.query, k.client,
			k.client = '' AND k.stream <> 'clients' AND NOT EXISTS (
				SELECT FROM planned t
				WHERE (k.stream, k.type) = (t.stream, t.type)) AS unshared
		FROM cursors k
		WHERE k.tenant = @tenant
		  AND NOT EXISTS (
			SELECT FROM planned t
			WHERE (k.stream, k.type, k.query) = (t.stream, t.type, t.query))),
	unshare AS (
		UPDATE cursors k SET fingerprint = @unshared, upto = NULL
		FROM gone g
		WHERE g.unshared AND k.tenant = @tenant
		  AND (k.stream, k.type, k.query, k.client) = (g.stream, g.type, g.query, g.client))
	DELETE FROM cursors k
	USING gone g
	WHERE NOT g.unshared AND k.tenant = @tenant AND k.fingerprint <> @unshared
	  AND (k.stream, k.type, k.query, k.client) = (g.stream, g.type, g.query, g.client)`

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// EmptyWindow is a drained window of a type that brought no item.
type EmptyWindow struct {
	TypeID
	Drained
	Expected *int64 // how many records the source counted; nil: it does not count
	Requests int64
}

// MoveCursors stores windows that brought nothing, and moves their cursors, as [Store.Apply] does
// for windows with items. It reports whether an operator asked to cancel the run. It fails with
// [ErrFenced].
func (s *Store) MoveCursors(ctx context.Context, c Claim, list []EmptyWindow) (cancelled bool, err error) {
	const drained = `
		UPDATE run_types t SET
			upto = w.upto,
			short = t.short OR w.short,
			done = w.last,
			expected = coalesce(t.expected, w.expected),
			requests = t.requests + w.requests
		FROM unnest(@streams::text[], @types::text[], @queries::text[], @upto::timestamptz[],
			@short::boolean[], @last::boolean[], @expected::bigint[], @requests::bigint[])
			w (stream, type, query, upto, short, last, expected, requests)
		WHERE t.run = @run AND (t.stream, t.type, t.query) = (w.stream, w.type, w.query)`
	const ofWindows = `(stream, type, query) IN (
			SELECT *
			FROM unnest(@streams::text[], @types::text[], @queries::text[]))`
	const begin = `
		WITH begun AS (
			DELETE FROM unread
			WHERE tenant = @tenant AND ` + ofWindows + `)
		INSERT INTO cursors (tenant, stream, type, query, fingerprint, hiding)
		SELECT @tenant, stream, type, query, fingerprint, hiding
		FROM run_types
		WHERE run = @run AND ` + ofWindows + `
		ON CONFLICT DO NOTHING`
	args := pgx.StrictNamedArgs{"run": c.Run.ID}
	var streams, types, queries []string
	var upto []time.Time
	var short, last []bool
	var expected []*int64
	var requests []int64
	var whole []dossier.Stream
	for _, w := range list {
		streams, types, queries = append(streams, string(w.Stream)), append(types, w.Type), append(queries, w.Query)
		upto, short, last = append(upto, w.Upto), append(short, w.Short), append(last, w.Last)
		expected, requests = append(expected, w.Expected), append(requests, w.Requests)
		if w.Last {
			whole = append(whole, w.Stream)
		}
	}
	args["streams"], args["types"], args["queries"] = streams, types, queries
	of := pgx.StrictNamedArgs{"run": c.Run.ID, "tenant": c.Run.Tenant,
		"streams": streams, "types": types, "queries": queries}
	args["upto"], args["short"], args["last"] = upto, short, last
	args["expected"], args["requests"] = expected, requests
	cancelled, err = s.allAsClaimant(ctx, c, func(b *pgx.Batch) {
		b.Queue(drained, args)
		if c.Run.Scope.Client != "" {
			return
		}
		b.Queue(begin, of)
		b.Queue(moveCursors, pgx.StrictNamedArgs{"run": c.Run.ID, "tenant": c.Run.Tenant,
			"streams": streams, "types": types, "queries": queries,
			"upto": upto, "now": nowOf(c, last...)})
		if len(whole) > 0 && c.Run.Scope.To.IsZero() {
			b.Queue(dropUnseen, dropUnseenArgs(c, whole...))
		}
	})
	if err != nil {
		return false, fmt.Errorf("move cursors of %s: %w", c.Run.Tenant, err)
	}
	return cancelled, nil
}

package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// future is how far after the end of the census an item's time must lie to count as one that
// has not come yet. No increment finds such an item before that time.
const future = time.Hour

// listed selects the census of types, with the time up to which each is read, and that from which its
// items lie in the future.
const listed = `
			SELECT c.*, w.upto, w.future
			FROM census c
			JOIN unnest(@streams::text[], @types::text[], @uptos::timestamptz[], @futures::timestamptz[])
				w (stream, type, upto, future) ON c.stream = w.stream AND c.type = w.type
			WHERE c.run = @run`

// isDifferent is the condition that an envelope c of the census differs from the stored item i.
const isDifferent = `CASE
			-- the next run reads it; meanwhile it must not be shown to the wrong reader
			WHEN c.updated > c.upto AND c.updated <= c.future
				THEN i.state = 'shown' AND (c.state <> 'shown' OR i.client IS DISTINCT FROM c.client)
			WHEN i.key IS NULL OR c.state = 'quarantined'
				THEN true
			ELSE i.client IS DISTINCT FROM c.client
				OR c.version <> '' AND c.version <> i.version
				OR c.updated <> i.updated OR i.updated IS NULL AND c.updated IS NOT NULL
				OR i.state = 'shown' AND c.state <> 'shown'
				OR i.state <> 'shown' AND c.state = 'shown' AND (` + wronglyHidden + `)
			END`

// differs selects the envelopes of the census that differ from the stored items. Items in
// quarantine are left out, because every run retries them.
const differs = `
		FROM (` + listed + `) c
		LEFT JOIN items i ON i.tenant = @tenant AND i.key = c.key
		WHERE NOT EXISTS (
			SELECT FROM quarantine q
			WHERE q.tenant = @tenant AND q.key = c.key)
		  -- looked at by QueueUnstated
		  AND NOT EXISTS (
			SELECT FROM absences a
			WHERE a.tenant = @tenant AND a.key = c.key AND a.missing <> 'record')
		  AND ` + isDifferent

// wronglyHidden is the condition that an item i, which the replica does not show, should be
// shown according to its envelope c.
const wronglyHidden = `
					i.reason = ANY(@envelope_reasons) -- dossier.EnvelopeReasons
					-- hidden with its client, which is shown now and has been backfilled
					OR i.reason IN ('purged', 'client-hidden', 'unknown-client')
						AND (c.client IS NULL OR EXISTS (
							SELECT FROM clients k
							WHERE k.tenant = @tenant AND k.id = c.client AND k.state = 'shown'
							  AND NOT EXISTS (
								SELECT FROM backfills b
								WHERE b.tenant = k.tenant AND b.client = k.id)))
					-- hidden for a replacement that is no longer there
					OR i.reason = 'superseded' AND NOT EXISTS (` + replacerOfI + `)`

// differsNow is [isDifferent] without the items that differs leaves out.
const differsNow = `
				WHEN ` + isDifferent + ` THEN NOT EXISTS (
						SELECT FROM quarantine q
						WHERE q.tenant = @tenant AND q.key = c.key)
					AND NOT EXISTS (
						SELECT FROM absences a
						WHERE a.tenant = @tenant AND a.key = c.key AND a.missing <> 'record')`

// isEqual reports whether the listed types have nothing that is absent or different: the usual case,
// which is found in one pass. Clients are few, and are looked up.
func (k *censusComparison) isEqual(ctx context.Context, types []comparedType) (bool, error) {
	const all = `
		WITH c AS (` + listed + `),
		i AS (
			SELECT i.*
			FROM items i
			JOIN unnest(@streams::text[], @types::text[]) w (stream, type)
				ON i.stream = w.stream AND i.type = w.type
			WHERE i.tenant = @tenant)
		SELECT NOT EXISTS (
			SELECT
			FROM c
			FULL JOIN i ON i.key = c.key
			WHERE CASE WHEN c.key IS NULL THEN i.state = 'shown'` + differsNow + `
				END)`
	const clients = `
		WITH c AS (` + listed + `)
		SELECT NOT EXISTS (
			SELECT
			FROM c
			LEFT JOIN LATERAL ( -- by key
				SELECT *
				FROM items
				WHERE tenant = @tenant AND key = c.key
				OFFSET 0) i ON true
			WHERE CASE` + differsNow + `
				END)
		AND NOT EXISTS (
			SELECT
			FROM clients k
			CROSS JOIN LATERAL ( -- by client
				SELECT key
				FROM items
				WHERE tenant = @tenant AND client = k.id AND kind = 'client' AND state = 'shown'
				OFFSET 0) i
			WHERE k.tenant = @tenant AND k.state = 'shown'
			  AND NOT EXISTS (SELECT FROM c WHERE c.key = i.key))`
	q, other := clients, false
	for _, t := range types {
		if !t.whole || t.upto == nil {
			return false, nil
		}
		other = other || t.stream != string(dossier.StreamClients)
	}
	if other {
		q = all
	}
	return queryOne(ctx, k.tx, pgx.RowTo[bool], q, k.differArgs(types))
}

// different queues the items that differ to be read again, of types that were listed and read
// in full.
func (k *censusComparison) different(ctx context.Context, types []comparedType, atMost int) error {
	var all []comparedType
	for _, t := range types {
		if t.whole && t.upto != nil {
			all = append(all, t)
		}
	}
	note := func(d *CensusDifference, n int64) { d.Different, d.ReadAgain = n, n > int64(atMost) }
	n, err := k.count(ctx, countDifferent, k.differArgs(all), note)
	if err != nil || n == 0 {
		return err
	}
	if err := k.keepLastListed(ctx); err != nil {
		return err
	}
	for _, d := range k.found {
		note(d, 0)
	}
	for _, t := range all {
		n, err := k.count(ctx, countDifferent, k.differArgs([]comparedType{t}), note)
		if err == nil && n > 0 {
			err = k.reread(ctx, t, atMost)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const countDifferent = `
		SELECT c.stream, c.type, count(*)` + differs + `
		GROUP BY c.stream, c.type`

// reread queues up to atMost differing items of the type. If there are more, the run reads the
// type anew.
func (k *censusComparison) reread(ctx context.Context, t comparedType, atMost int) error {
	const q = `
		INSERT INTO rereads (tenant, key, stream, type, id)
		SELECT @tenant, c.key, c.stream, c.type, c.id` + differs + `
		ORDER BY c.updated < i.updated DESC NULLS LAST, c.key
		LIMIT @limit
		ON CONFLICT DO NOTHING`
	args := k.differArgs([]comparedType{t})
	args["limit"] = atMost
	if _, err := k.tx.Exec(ctx, q, args); err != nil {
		return err
	}
	if !k.found[[2]string{t.stream, t.typ}].ReadAgain {
		return nil
	}
	return readTypeAnew(ctx, k.tx, k.claim, t.stream, t.typ)
}

// keepLastListed deletes all but the last listed envelope of each item, because an item that
// changed while the source was listed may have been listed in both states.
func (k *censusComparison) keepLastListed(ctx context.Context) error {
	const q = `
		DELETE FROM census c
		USING (
			SELECT key, max(batch) AS batch
			FROM census
			WHERE run = @run
			GROUP BY key
			HAVING count(*) > 1) last
		WHERE c.run = @run AND c.key = last.key AND c.batch < last.batch`
	_, err := k.tx.Exec(ctx, q, pgx.StrictNamedArgs{"run": k.claim.Run.ID})
	return err
}

// differArgs returns the arguments of differs.
func (k *censusComparison) differArgs(types []comparedType) pgx.StrictNamedArgs {
	var streams, names []string
	var uptos, futures []time.Time
	for _, t := range types {
		streams, names = append(streams, t.stream), append(names, t.typ)
		uptos, futures = append(uptos, *t.upto), append(futures, t.to.Add(future))
	}
	return pgx.StrictNamedArgs{"tenant": k.claim.Run.Tenant, "run": k.claim.Run.ID,
		"streams": streams, "types": names, "uptos": uptos, "futures": futures,
		"envelope_reasons": dossier.EnvelopeReasons()}
}

package store

import (
	"maps"

	"github.com/jackc/pgx/v5"
)

// count adds the item's effect to the run's accounting, in which each distinct item counts
// once, by its last effect.
func (a *application) count(key string, e Effect) {
	prev := a.before[key]
	now := e.next(prev)
	if now == prev {
		return
	}
	// If another search of the run has counted the item, it stays counted there.
	if prev != "" && a.effects[prev] == 0 {
		return
	}
	a.before[key] = now
	if prev == "" {
		a.out.seen.add(key, now)
	} else {
		a.out.recounted.add(key, now)
		a.effects[prev]--
		a.counted[prev]--
	}
	a.effects[now]++
	a.counted[now]++
}

// queueAccounting writes the effects of the items that the run had not counted yet, or had
// counted differently, and their sums.
func (a *application) queueAccounting(b *pgx.Batch) {
	const seen = `
		INSERT INTO seen (run, key, effect)
		SELECT @run, key, effect
		FROM unnest(@keys::text[], @effects::text[]) s (key, effect)`
	const recount = seen + `
		ON CONFLICT (run, key) DO UPDATE SET effect = excluded.effect`
	const sums = `
		UPDATE run_types SET
			effects = @effects,
			requests = requests + @requests,
			removed = removed + @removed
		WHERE ` + ofRunType
	w, run := &a.out, a.batch.Claim.Run.ID
	if s := w.seen; len(s.keys) > 0 {
		b.Queue(seen, pgx.StrictNamedArgs{"run": run, "keys": s.keys, "effects": s.effects})
	}
	if s := w.recounted; len(s.keys) > 0 {
		b.Queue(recount, pgx.StrictNamedArgs{"run": run, "keys": s.keys, "effects": s.effects})
	}
	a.queueLeftOutCounts(b)
	if len(a.counted) == 0 && a.batch.Requests == 0 && a.removed == 0 {
		return
	}
	maps.DeleteFunc(a.effects, func(_ Effect, n int64) bool { return n == 0 })
	b.Queue(sums, a.batch.Type.runArgs(a.batch.Claim, pgx.StrictNamedArgs{
		"effects": a.effects, "requests": a.batch.Requests, "removed": a.removed}))
}

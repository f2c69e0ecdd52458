package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// writes collects what a batch writes, until all is decided.
type writes struct {
	replaced []string // keys of rows that make way for new ones
	items    [][]any  // rows for COPY, in the order of itemColumns
	targets  []string // keys of items that others may be rendered from
	inPlans  []string // keys of items from which care plans are rendered, at once
	plans    []string // keys of plans that those of inPlans name, or did
	refFrom  []string // references: who …
	refTo    []string // … names whom
	touched  struct {
		keys, versions []string
		updated        []*time.Time
	}
	seen        sightings // keys that the run had not counted
	recounted   sightings // and those that it had
	quarantined []quarantined
	cleared     struct { // items that are fine, and may be in quarantine
		keys    []string
		updated []*time.Time
	}
	clients      []*dossier.Item
	contacts     []*dossier.Item
	definitions  []definition
	again        []reread // items to be read by their ids
	present      []string // keys of items that a search has found, and that are shown
	gone         []string // aliases that stand for other definitions now, or for none
	replacements replacements
	aside        []string // keys of reports that give way to others
}

// sightings are keys, and what became of each.
type sightings struct {
	keys    []string
	effects []Effect
}

type reread struct {
	key string
	it  *dossier.Item
}

type quarantined struct {
	key string
	it  *dossier.Item
}

var itemColumns = []string{
	"tenant", "key", "type", "id", "stream", "kind", "client", "state", "reason", "part", "epoch", "version",
	"updated", "hash", "at", "category", "open", "ends", "plan", "goal", "card", "body", "model",
}

func (w *writes) put(tenant, key string, epoch int32, it *dossier.Item, r Rendered) {
	var kind any
	if it.Content != nil && it.State == dossier.StateShown {
		kind = string(r.kind(it.Content))
		for _, ref := range it.Content.Refs() {
			w.refFrom = append(w.refFrom, key)
			w.refTo = append(w.refTo, dossier.Key(tenant, ref))
		}
		for _, ref := range dossier.PlansOf(it.Content) {
			w.plans = append(w.plans, dossier.Key(tenant, ref))
		}
	}
	w.replacements.add(tenant, key, it)
	w.items = append(w.items, []any{
		tenant, key, it.Type, it.ID, string(it.Stream), kind, orNull(it.Client), string(it.State), orNull(string(it.Reason)),
		orNull(string(r.Part)), epoch, it.Version, timeOrNull(it.Updated), it.Hash[:], timeOrNull(r.At), orNull(r.Category),
		r.Open, dateOrNull(r.Ends), orNull(r.Plan), orNull(r.Goal), jsonOrNull(r.Card), jsonOrNull(r.Body), jsonOrNull(r.Model),
	})
	switch it.Stream {
	case dossier.StreamClients:
		w.clients = append(w.clients, it)
	case dossier.StreamContacts:
		w.contacts = append(w.contacts, it)
	case dossier.StreamStaff:
		w.definitions = append(w.definitions, definition{key: key, it: it, model: []byte("null")})
	case dossier.StreamQuestionnaires:
		w.definitions = append(w.definitions, definition{key: key, it: it, model: r.Model})
	}
}

func (w *writes) touch(key string, it *dossier.Item) {
	w.touched.keys = append(w.touched.keys, key)
	w.touched.versions = append(w.touched.versions, it.Version)
	w.touched.updated = append(w.touched.updated, timeOrNull(it.Updated))
}

func (s *sightings) add(key string, e Effect) {
	s.keys = append(s.keys, key)
	s.effects = append(s.effects, e)
}

func (w *writes) clear(key string, it *dossier.Item) {
	w.cleared.keys = append(w.cleared.keys, key)
	w.cleared.updated = append(w.cleared.updated, timeOrNull(it.Updated))
}

func (w *writes) quarantine(key string, it *dossier.Item) {
	w.quarantined = append(w.quarantined, quarantined{key, it})
}

// write carries out what was decided, in the order that leaves the change number
// to the last.
func (a *application) write(ctx context.Context) error {
	w, tenant := &a.out, a.tenant()
	if len(w.replaced) > 0 {
		const q = `
			DELETE FROM items WHERE ctid = ANY(ARRAY(
				SELECT i.ctid FROM unnest(@keys::text[]) k CROSS JOIN LATERAL (
					SELECT ctid FROM items WHERE tenant = @tenant AND key = k OFFSET 0) i))
			AND tenant = @tenant AND key = ANY(@keys)`
		if _, err := a.tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "keys": w.replaced}); err != nil {
			return fmt.Errorf("replace items: %w", err)
		}
	}
	if err := a.copyItems(ctx); err != nil {
		return err
	}
	var b pgx.Batch
	b.Queue(planEach)
	a.queueDefinitions(&b)
	a.queueReferences(&b)
	a.queueAccounting(&b)
	a.queueQuarantine(&b)
	a.queueRereads(&b)
	if err := a.tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("note what was applied: %w", err)
	}
	if len(w.gone) > 0 {
		if _, err := a.tx.Exec(ctx, markStale, pgx.StrictNamedArgs{"tenant": tenant, "targets": w.gone}); err != nil {
			return fmt.Errorf("note what is to be rendered again: %w", err)
		}
	}
	if err := a.settleReplacements(ctx); err != nil {
		return fmt.Errorf("settle what is replaced: %w", err)
	}
	if err := a.registerClients(ctx); err != nil {
		return err
	}
	if err := a.registerContacts(ctx); err != nil {
		return err
	}
	if err := a.renderPlans(ctx); err != nil {
		return fmt.Errorf("render plans again: %w", err)
	}
	if d := a.batch.Drained; d != nil {
		if err := moveCursor(ctx, a.tx, a.batch.Claim, a.batch.Type, *d); err != nil {
			return err
		}
	}
	return raiseChange(ctx, a.tx, tenant, sortedKeys(a.changed))
}

// queueReferences notes who names whom, and what is to be rendered again since
// something that it names has changed.
func (a *application) queueReferences(b *pgx.Batch) {
	w, tenant := &a.out, a.tenant()
	if len(w.replaced) > 0 {
		const q = `DELETE FROM refs WHERE tenant = @tenant AND key = ANY(@keys) RETURNING target`
		b.Queue(q, pgx.StrictNamedArgs{"tenant": tenant, "keys": w.replaced}).Query(func(rows pgx.Rows) error {
			targets, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if a.batch.Type.Stream == dossier.StreamCarePlans {
				w.plans = append(w.plans, targets...)
			}
			return err
		})
	}
	if len(w.refFrom) > 0 {
		const q = `
			INSERT INTO refs (tenant, target, key)
			SELECT @tenant, target, key FROM unnest(@targets::text[], @keys::text[]) r (target, key)
			ON CONFLICT DO NOTHING`
		b.Queue(q, pgx.StrictNamedArgs{"tenant": tenant, "targets": w.refTo, "keys": w.refFrom})
	}
	if len(w.targets) > 0 {
		b.Queue(markStale, pgx.StrictNamedArgs{"tenant": tenant, "targets": w.targets})
	}
	if len(w.touched.keys) > 0 {
		const q = `
			UPDATE items SET version = t.version, updated = t.updated, epoch = @epoch
			FROM unnest(@keys::text[], @versions::text[], @updated::timestamptz[]) t (key, version, updated)
			CROSS JOIN LATERAL (SELECT ctid AS place FROM items WHERE tenant = @tenant AND key = t.key OFFSET 0) i
			WHERE items.ctid = i.place AND items.tenant = @tenant AND items.key = t.key`
		b.Queue(q, pgx.StrictNamedArgs{"tenant": tenant, "epoch": a.epoch,
			"keys": w.touched.keys, "versions": w.touched.versions, "updated": w.touched.updated})
	}
}

const markStale = `
	INSERT INTO stale (tenant, key)
	SELECT DISTINCT r.tenant, r.key FROM unnest(@targets::text[]) t CROSS JOIN LATERAL (
		SELECT tenant, key FROM refs WHERE tenant = @tenant AND target = t OFFSET 0) r
	ON CONFLICT DO NOTHING`

// queueAccounting notes what the run has seen.
func (a *application) queueAccounting(b *pgx.Batch) {
	w, id, run := &a.out, a.batch.Type, a.batch.Claim.Run.ID
	const seen = `
		INSERT INTO seen (run, key, effect)
		SELECT @run, key, effect FROM unnest(@keys::text[], @effects::text[]) s (key, effect)`
	const again = seen + ` ON CONFLICT (run, key) DO UPDATE SET effect = excluded.effect`
	if s := w.seen; len(s.keys) > 0 {
		b.Queue(seen, pgx.StrictNamedArgs{"run": run, "keys": s.keys, "effects": s.effects})
	}
	if s := w.recounted; len(s.keys) > 0 {
		b.Queue(again, pgx.StrictNamedArgs{"run": run, "keys": s.keys, "effects": s.effects})
	}
	if len(w.seen.keys)+len(w.recounted.keys) == 0 && a.batch.Requests == 0 && a.removed == 0 {
		return
	}
	const effects = `
		UPDATE run_types SET effects = @effects, requests = requests + @requests, removed = removed + @removed
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query`
	maps.DeleteFunc(a.effects, func(_ Effect, n int64) bool { return n == 0 })
	b.Queue(effects, pgx.StrictNamedArgs{"run": run, "stream": id.Stream, "type": id.Type, "query": id.Query,
		"effects": a.effects, "requests": a.batch.Requests, "removed": a.removed})
}

// keepAccountingOnly is what a dry run writes: what it would have led to.
func (a *application) keepAccountingOnly(ctx context.Context) error {
	var b pgx.Batch
	a.queueAccounting(&b)
	if err := a.tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("note what would be applied: %w", err)
	}
	if d := a.batch.Drained; d != nil {
		return noteDrained(ctx, a.tx, a.batch.Claim, a.batch.Type, *d)
	}
	return nil
}

// queueQuarantine notes what could not be applied, and forgets what now could.
func (a *application) queueQuarantine(b *pgx.Batch) {
	w, tenant := &a.out, a.tenant()
	if len(w.cleared.keys) > 0 {
		// An older version that turns up again says nothing of the bad one.
		const q = `
			DELETE FROM quarantine q USING unnest(@keys::text[], @updated::timestamptz[]) c (key, updated)
			WHERE q.tenant = @tenant AND q.key = c.key
			  AND (q.updated IS NULL OR c.updated IS NULL OR q.updated <= c.updated)`
		b.Queue(q, pgx.StrictNamedArgs{"tenant": tenant, "keys": w.cleared.keys, "updated": w.cleared.updated})
	}
	for _, r := range w.quarantined {
		b.Queue(putQuarantine, pgx.StrictNamedArgs{"tenant": tenant, "key": r.key, "stream": r.it.Stream, "type": r.it.Type,
			"id": r.it.ID, "client": r.it.Client, "updated": timeOrNull(r.it.Updated),
			"reason": r.it.Reason, "detail": r.it.Detail, "raw": a.sealed(r)})
	}
}

// sealed returns the bytes of a quarantined item as they are kept, or nil.
func (a *application) sealed(q quarantined) []byte {
	if q.it.RawCut {
		return nil
	}
	return a.sealer.seal(a.tenant(), q.key, q.it.Raw)
}

// queueRereads notes what is to be read by its id, and that what was absent is
// now gone, or there again.
func (a *application) queueRereads(b *pgx.Batch) {
	const again = `
		INSERT INTO rereads (tenant, key, stream, type, id) VALUES (@tenant, @key, @stream, @type, @id)
		ON CONFLICT DO NOTHING`
	for _, r := range a.out.again {
		b.Queue(again, pgx.StrictNamedArgs{
			"tenant": a.tenant(), "key": r.key, "stream": r.it.Stream, "type": r.it.Type, "id": r.it.ID})
	}
	settled := a.out.present
	if a.batch.Inferred {
		settled = a.keys
	}
	if len(settled) > 0 {
		const over = `DELETE FROM absences WHERE tenant = @tenant AND key = ANY(@keys)`
		b.Queue(over, pgx.StrictNamedArgs{"tenant": a.tenant(), "keys": settled})
	}
}

const putQuarantine = `
	INSERT INTO quarantine (tenant, key, stream, type, id, client, updated, reason, detail, raw)
	VALUES (@tenant, @key, @stream, @type, nullif(@id, ''), nullif(@client, ''), @updated, @reason, @detail, @raw)
	ON CONFLICT (tenant, key) DO UPDATE SET reason = excluded.reason, detail = excluded.detail, raw = excluded.raw,
		client = excluded.client, updated = excluded.updated, last_seen = now(), attempts = quarantine.attempts + 1`

// raiseChange gives the transaction its change number, and the dossiers that
// look different now their mark of it. It locks the tenant's row until the end:
// nothing may follow it.
func raiseChange(ctx context.Context, tx pgx.Tx, tenant string, clients []string) error {
	if len(clients) == 0 {
		return nil
	}
	const q = `
		WITH raised AS (UPDATE tenants SET change = change + 1 WHERE id = @tenant RETURNING change)
		UPDATE clients SET change = raised.change FROM raised
		WHERE tenant = @tenant AND id = ANY(@clients)`
	if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "clients": clients}); err != nil {
		return fmt.Errorf("raise the change number: %w", err)
	}
	return nil
}

func sortedKeys(set map[string]struct{}) []string { return slices.Sorted(maps.Keys(set)) }

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func dateOrNull(s string) any {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return nil
	}
	return t
}

func jsonOrNull(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

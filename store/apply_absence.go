package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// absence is a stored item that keeps its state although the batch holds another, because
// nothing in the new version states the change.
type absence struct {
	keyed
	missing dossier.Missing
}

// missingIn returns what the item lacks that the stored one had, if storing the item would take
// something from readers, or reveal something hidden, without the source having stated it (I5,
// I6); else nothing. Absences that were looked at and judged, and deletions, are carried out.
func (a *application) missingIn(it *dossier.Item, old *stored) dossier.Missing {
	if old == nil || a.batch.Kind != BatchListed && a.batch.Kind != BatchRead {
		return ""
	}
	switch {
	case old.isShown() && it.State == dossier.StateHidden && (it.Client == old.client || it.Client == ""):
		return it.Missing
	case old.isMarked() && it.State == dossier.StateShown && !a.batch.RulesChanged:
		return dossier.MissingMark
	}
	return ""
}

// keepMark gives an item that a mark hid before, and that is hidden for another reason now, the
// old reason: if the record becomes readable later, the mark must not have been forgotten. A merge
// is stored as such, because grants end with it.
func (a *application) keepMark(it *dossier.Item, old *stored) {
	if !old.isMarked() || a.batch.RulesChanged {
		return
	}
	if it.State == dossier.StateHidden && !it.Reason.IsMark() && it.Reason != dossier.HiddenMerged {
		it.Reason, it.Hash, it.Client = old.reason, old.hash, old.client
	}
}

// keepAbsent leaves the stored item as it is and notes the absence. The item counts as it was.
func (a *application) keepAbsent(it *dossier.Item, key string, old *stored, missing dossier.Missing) {
	effect := EffectUnchanged
	if missing == dossier.MissingMark {
		effect = withReason(EffectHidden, old.reason)
	}
	a.count(key, effect)
	a.out.absences = append(a.out.absences, absence{keyed{key, it}, missing})
}

// isMarked reports whether a mark or a rule hides the item.
func (o *stored) isMarked() bool {
	return o != nil && o.state == dossier.StateHidden && o.reason.IsMark()
}

// isUnstated reports whether the item is hidden for a reason that the source did not state.
func (o *stored) isUnstated() bool {
	return o != nil && o.state == dossier.StateHidden && slices.Contains(dossier.UnstatedReasons(), o.reason)
}

// noteInferred notes a removal or a reveal that nothing stated, for the limits of a day and a week.
func (a *application) noteInferred(it *dossier.Item, old *stored) {
	if a.batch.Kind != BatchAbsences && a.batch.Kind != BatchSettled {
		return
	}
	if isShown := it.State == dossier.StateShown; isShown != old.isShown() {
		a.out.inferred = append(a.out.inferred, inferred{client: old.client, part: it.Stream.Part(), reveals: isShown})
	}
}

// inferred is a row of table inferred.
type inferred struct {
	client  string
	part    dossier.Part
	reveals bool
}

// queueAbsences notes absences, and ends those of items that came as they were. A search ends
// all of them; a record that was read by its id ends those of members only, because it may have
// left the searches.
func (a *application) queueAbsences(b *pgx.Batch) {
	const note = `
		INSERT INTO absences (tenant, key, stream, type, id, state, missing)
		SELECT @tenant, key, @stream, type, id, 'suspect', missing
		FROM unnest(@keys::text[], @types::text[], @ids::text[], @missing::text[]) x (key, type, id, missing)
		ON CONFLICT (tenant, key) DO UPDATE SET missing = excluded.missing`
	const end = `
		WITH ended AS (
			DELETE FROM absences
			WHERE tenant = @tenant
			  AND key = ANY(@keys)
			  AND (@all OR missing <> 'record')
			RETURNING key)
		UPDATE run_types SET contradicted = true
		WHERE ` + ofRunType + `
		  AND NOT contradicted
		  AND @listed
		  AND (@unstated AND from_time IS NOT NULL OR EXISTS (SELECT FROM ended))`
	const log = `
		INSERT INTO inferred (tenant, stream, type, client, part, reveals)
		SELECT @tenant, @stream, @type, nullif(client, ''), nullif(part, ''), reveals
		FROM unnest(@clients::text[], @parts::text[], @reveals::boolean[]) x (client, part, reveals)`
	if list := a.out.absences; len(list) > 0 {
		var keys, types, ids, missing []string
		for _, x := range list {
			keys, types, ids = append(keys, x.key), append(types, x.it.Type), append(ids, x.it.ID)
			missing = append(missing, string(x.missing))
		}
		b.Queue(note, pgx.StrictNamedArgs{"tenant": a.tenant, "stream": a.stream,
			"keys": keys, "types": types, "ids": ids, "missing": missing})
	}
	ended, all := a.out.asBefore, a.batch.Kind == BatchListed
	switch a.batch.Kind {
	case BatchAbsences, BatchSettled, BatchDeletions:
		ended, all = a.keys, true
	}
	if len(ended) > 0 && (a.hasAbsences || a.out.unstated) {
		b.Queue(end, a.batch.Type.runArgs(a.batch.Claim, pgx.StrictNamedArgs{
			"tenant": a.tenant, "keys": ended, "all": all,
			"listed": a.batch.Kind == BatchListed, "unstated": a.out.unstated}))
	}
	if list := a.out.inferred; len(list) > 0 {
		var clients, parts []string
		var reveals []bool
		for _, x := range list {
			clients, parts, reveals = append(clients, x.client), append(parts, string(x.part)), append(reveals, x.reveals)
		}
		b.Queue(log, pgx.StrictNamedArgs{"tenant": a.tenant, "stream": a.stream, "type": a.batch.Type.Type,
			"clients": clients, "parts": parts, "reveals": reveals})
	}
}

// ForgetInferred deletes what was noted of removals and reveals longer ago than the limits look
// back.
func (s *Store) ForgetInferred(ctx context.Context) error {
	const q = `DELETE FROM inferred WHERE at < now() - interval '8 days'`
	if _, err := s.pool.Exec(ctx, q); err != nil {
		return fmt.Errorf("forget old inferences: %w", err)
	}
	return nil
}

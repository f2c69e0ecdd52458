package store

import (
	"bytes"
	"cmp"

	"dossiersync/store/dossier"
)

// decide works out the writes for the i-th item. It works on a copy of the item, because the
// batch is applied again in halves if PostgreSQL refuses a value.
func (a *application) decide(i int) {
	it, key := a.items[i], a.keys[i]
	var old *stored
	if o, ok := a.old[key]; ok {
		old = &o
	}
	if it.Client != "" && a.erased[it.Client] {
		a.withoutRow = true
		a.passOver(&it, key, old)
		return
	}
	if a.batch.Kind.ignores(old) {
		a.leaveQuarantine(&it, key, old)
		return
	}
	if it.State == dossier.StateWithdrawn && old != nil {
		completeTombstone(&it, old)
	}
	a.hideWithClient(&it)
	if a.applyReplacement(&it, key) {
		a.out.superseded = append(a.out.superseded, key)
	}
	a.keepMark(&it, old)
	r, err := a.rendered(&it, old)
	if err != nil {
		quarantine(&it, dossier.NotStorable, "the program cannot show it: "+err.Error())
	}
	v := verdictOn(&it, old, a.epoch)
	a.withoutRow = a.withoutRow || !v.write
	if missing := a.missingIn(&it, old); missing != "" && v.effect != EffectSuperseded {
		a.keepAbsent(&it, key, old, missing)
		return
	}
	a.noteInferred(&it, old)
	if a.batch.Kind == BatchAbsences {
		a.removed++
	} else {
		isNew := a.before[key] == ""
		a.count(key, v.effect)
		if v.effect != EffectSuperseded {
			a.leaveOut(key, &it, &r, isNew, v.write)
		}
	}
	a.noteVerdict(&it, key, v)
	switch {
	case v.withhold:
		a.withhold(&it, key, old)
	case v.write:
		a.put(&it, key, old, r)
	case v.touch:
		a.out.touch(key, &it)
	}
}

// leaveQuarantine counts an item in quarantine that the source no longer has, and of which nothing
// is shown. It leaves no tombstone.
func (a *application) leaveQuarantine(it *dossier.Item, key string, old *stored) {
	bad, isBad := a.quarantinedAt[key]
	if !isBad || old.isShown() || !it.Updated.IsZero() && it.Updated.Before(bad) {
		return
	}
	if old == nil || old.state != dossier.StateWithdrawn { // else that was counted
		a.count(key, withReason(EffectWithdrawn, it.Reason))
	}
	a.out.clear(key, it)
}

// completeTombstone takes client, version and time from the stored item where the withdrawal
// does not give them.
func completeTombstone(it *dossier.Item, old *stored) {
	it.Client, it.Version = cmp.Or(it.Client, old.client), cmp.Or(it.Version, old.version)
	if it.Updated.IsZero() {
		it.Updated = old.updated
	}
}

// noteVerdict collects the consequences of a verdict outside the items themselves:
// quarantine, re-reads and absences.
func (a *application) noteVerdict(it *dossier.Item, key string, v verdict) {
	superseded := v.effect == EffectSuperseded
	bad, isBad := a.quarantinedAt[key]
	if superseded || isBad && a.batch.Kind == BatchRead && !it.Updated.IsZero() && it.Updated.Before(bad) {
		a.noteOlder(it, key)
	}
	if v.quarantine {
		a.out.quarantine(key, it)
	} else if it.ID != "" && !superseded {
		a.out.clear(key, it)
	}
	if (it.State == dossier.StateShown || it.State == dossier.StateHidden && it.Reason.IsMark()) && !superseded {
		a.out.asBefore = append(a.out.asBefore, key)
	}
}

// noteOlder notes an item that is older than its stored or quarantined version. If a list
// brought it, which may be an old list, the item is read again by its id. If that read
// brought it, the source was restored.
func (a *application) noteOlder(it *dossier.Item, key string) {
	switch {
	case it.State == dossier.StateWithdrawn && it.Reason == dossier.WithdrawnDeleted:
		// The record was created again after the deletion.
	case a.batch.Kind == BatchRead:
		a.older = append(a.older, it.Ref)
	default:
		a.out.rereads = append(a.out.rereads, keyed{key, it})
	}
}

// withhold hides the stored version of an item whose new version is quarantined.
func (a *application) withhold(it *dossier.Item, key string, old *stored) {
	hidden := *it
	hidden.State, hidden.Reason = dossier.StateHidden, dossier.HiddenQuarantined
	if hidden.Updated.IsZero() {
		hidden.Updated = old.updated // older versions stay older
	}
	a.put(&hidden, key, old, Rendered{})
}

// put stores the item in place of old, and collects the plans, references and dossiers that
// change with it.
func (a *application) put(it *dossier.Item, key string, old *stored, r Rendered) {
	if old != nil {
		a.out.replaced = append(a.out.replaced, key)
	}
	a.out.put(a.tenant, key, a.epoch, it, r)
	a.countRecord(it, old)
	wasShown := old.isShown()
	if old.isUnstated() && it.State == dossier.StateShown && old.version == it.Version {
		a.out.unstated = true
	}
	left := wasShown && (it.State != dossier.StateShown || old.client != it.Client)
	switch {
	case it.Stream == dossier.StreamCarePlans, it.Stream == dossier.StreamGoals && left:
		a.out.inPlans = append(a.out.inPlans, key)
	case isHiddenTarget(it, old), isTarget(it.Stream) && (old == nil || old.state != it.State || old.client != it.Client ||
		!bytes.Equal(old.card, r.Card) || !bytes.Equal(old.body, r.Body) || !bytes.Equal(old.model, r.Model)):
		a.out.targets = append(a.out.targets, key)
	}
	if it.Client != "" && (it.State == dossier.StateShown || wasShown && old.client == it.Client) {
		a.changed[it.Client] = struct{}{}
	}
	if wasShown && old.client != "" {
		a.changed[old.client] = struct{}{}
	}
}

// isHiddenTarget reports whether it is a report or form that readers are to see no more, or again: a
// care plan may name it.
func isHiddenTarget(it *dossier.Item, old *stored) bool {
	if it.Stream != dossier.StreamReports && it.Stream != dossier.StreamForms {
		return false
	}
	was := old != nil && old.state == dossier.StateHidden
	return was != (it.State == dossier.StateHidden)
}

// isTarget reports whether other items are rendered from records of the stream. Care plans
// are not among them; see [application.renderPlans].
func isTarget(s dossier.Stream) bool {
	switch s {
	case dossier.StreamClients, dossier.StreamContacts, dossier.StreamStaff,
		dossier.StreamQuestionnaires, dossier.StreamGoals:
		return true
	}
	return false
}

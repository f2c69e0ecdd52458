package store

import (
	"dossiersync/store/dossier"
)

// verdict is what becomes of one item.
type verdict struct {
	effect     Effect
	write      bool // store it, in place of what is there
	touch      bool // note its version only
	quarantine bool // note why it could not be applied
	withhold   bool // and remove what is there from readers' eyes
}

// verdictOn compares an item with what is stored of it.
func verdictOn(it *dossier.Item, old *stored, epoch int32) verdict {
	if old != nil && old.epoch == epoch && !it.Updated.IsZero() && it.Updated.Before(old.updated) {
		return verdict{effect: EffectSuperseded}
	}
	if it.State == dossier.StateQuarantined {
		v := verdict{effect: withReason(EffectQuarantined, it.Reason), quarantine: true}
		v.withhold = old != nil && old.state == dossier.StateShown && old.stream == it.Stream &&
			(!it.EnvelopeRead || it.Client != old.client)
		return v
	}
	same := old != nil && old.state == it.State && old.reason == it.Reason &&
		old.client == it.Client && old.hash == it.Hash
	v := verdict{write: !same}
	v.touch = same && (old.epoch != epoch || old.version != it.Version || !old.updated.Equal(it.Updated))
	switch {
	case it.State == dossier.StateHidden:
		v.effect = withReason(EffectHidden, it.Reason)
	case it.State == dossier.StateWithdrawn:
		v.effect = withReason(EffectWithdrawn, it.Reason)
	case same:
		v.effect = EffectUnchanged
	case old != nil && old.state == dossier.StateShown:
		v.effect = EffectUpdated
	default:
		v.effect = EffectCreated
	}
	return v
}

func withReason(e Effect, r dossier.Reason) Effect { return e + ":" + Effect(r) }

// count does the accounting: each distinct item once per run, by what became of
// it in the end.
func (a *application) count(key string, e Effect) {
	prev := a.before[key]
	now := e.next(prev)
	if now == prev {
		return
	}
	// Another search of the run may have counted the item, where it stays.
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

package store

import (
	"dossiersync/store/dossier"
)

// verdict is the decision on one item.
type verdict struct {
	effect     Effect
	write      bool // store the item in place of the stored one
	touch      bool // store only its version
	quarantine bool // store why it could not be applied
	withhold   bool // and hide the stored version from readers
}

// verdictOn compares an item with the stored one; nil: nothing is stored.
func verdictOn(it *dossier.Item, old *stored, epoch int32) verdict {
	if old != nil && old.epoch == epoch && !it.Updated.IsZero() && it.Updated.Before(old.updated) {
		return verdict{effect: EffectSuperseded}
	}
	if it.State == dossier.StateQuarantined {
		v := verdict{effect: withReason(EffectQuarantined, it.Reason), quarantine: true}
		v.withhold = old.isShown() && old.stream == it.Stream &&
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
	case old.isShown():
		v.effect = EffectUpdated
	default:
		v.effect = EffectCreated
	}
	return v
}

func withReason(e Effect, r dossier.Reason) Effect { return e + ":" + Effect(r) }

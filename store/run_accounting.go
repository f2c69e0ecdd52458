package store

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"dossiersync/store/dossier"
)

// Counts is an accounting as people and scripts read it: seen is the sum of the
// others, removed and reasons apart.
type Counts struct {
	Seen        int64   `json:"seen"`
	Created     int64   `json:"created"`
	Updated     int64   `json:"updated"`
	Unchanged   int64   `json:"unchanged"`
	Hidden      int64   `json:"hidden"`
	Withdrawn   int64   `json:"withdrawn"`
	Superseded  int64   `json:"superseded"`
	Quarantined int64   `json:"quarantined"`
	Reasons     Effects `json:"reasons"` // such as hidden:marked
}

// Counts sums the effects up.
func (e Effects) Counts() Counts {
	c := Counts{
		Seen: e.Seen(), Created: e.Of(EffectCreated), Updated: e.Of(EffectUpdated), Unchanged: e.Of(EffectUnchanged),
		Hidden: e.Of(EffectHidden), Withdrawn: e.Of(EffectWithdrawn), Superseded: e.Of(EffectSuperseded),
		Quarantined: e.Of(EffectQuarantined), Reasons: make(Effects),
	}
	for _, k := range e.Reasons() {
		c.Reasons[k] = e[k]
	}
	return c
}

// MarshalJSON gives the accounting by its words beside the other fields.
func (t RunType) MarshalJSON() ([]byte, error) {
	type plain RunType
	return json.Marshal(struct {
		plain
		Counts
	}{plain(t), t.Effects.Counts()})
}

// UnmarshalJSON is MarshalJSON's inverse.
func (t *RunType) UnmarshalJSON(b []byte) error {
	type plain RunType
	var in struct {
		*plain
		Counts
	}
	in.plain = (*plain)(t)
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	t.Effects = Effects{
		EffectCreated: in.Created, EffectUpdated: in.Updated, EffectUnchanged: in.Unchanged, EffectSuperseded: in.Superseded,
	}
	maps.DeleteFunc(t.Effects, func(_ Effect, n int64) bool { return n == 0 })
	t.Effects.Add(in.Reasons)
	return nil
}

// Effect is what an item that a run saw has led to, one of the words below; for
// hidden, withdrawn and quarantined followed by a colon and the [Reason].
type Effect string

// The effects. What a run has seen is their sum, by distinct items.
const (
	EffectCreated     Effect = "created"     // new to readers
	EffectUpdated     Effect = "updated"     // changed
	EffectUnchanged   Effect = "unchanged"   // as it was
	EffectHidden      Effect = "hidden"      // not for the client's eyes
	EffectWithdrawn   Effect = "withdrawn"   // taken back by the source
	EffectSuperseded  Effect = "superseded"  // older than what is stored
	EffectQuarantined Effect = "quarantined" // could not be applied
)

// Word returns the effect without its reason.
func (e Effect) Word() Effect {
	word, _, _ := strings.Cut(string(e), ":")
	return Effect(word)
}

// Reason returns the effect's reason, if it has one.
func (e Effect) Reason() dossier.Reason {
	_, reason, _ := strings.Cut(string(e), ":")
	return dossier.Reason(reason)
}

// Effects counts distinct items by effect.
type Effects map[Effect]int64

// Seen returns how many distinct items there are.
func (e Effects) Seen() int64 {
	var n int64
	for _, v := range e {
		n += v
	}
	return n
}

// Of returns how many items had the effect, whatever the reason.
func (e Effects) Of(word Effect) int64 {
	var n int64
	for k, v := range e {
		if k.Word() == word {
			n += v
		}
	}
	return n
}

// Add adds the counts of o.
func (e Effects) Add(o Effects) {
	for k, v := range o {
		e[k] += v
	}
}

// Reasons lists the effects that have a reason, sorted.
func (e Effects) Reasons() []Effect {
	keys := slices.Sorted(maps.Keys(e))
	return slices.DeleteFunc(keys, func(k Effect) bool { return k.Reason() == "" || e[k] == 0 })
}

// next returns the effect that an item has in the end when it had prev and now
// got e: an item counts once, by what became of it.
func (e Effect) next(prev Effect) Effect {
	switch {
	case prev == "":
		return e
	case e == EffectUnchanged && prev == EffectSuperseded:
		return e
	case e == EffectUnchanged || e == EffectSuperseded:
		return prev
	case e == EffectUpdated && prev == EffectCreated:
		return prev
	}
	return e
}

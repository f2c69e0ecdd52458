package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Counts is an accounting as people and scripts read it: Seen is the sum of the other counts,
// and Reasons splits some of them up.
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

// Counts returns the effects as counts.
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

// MarshalJSON writes the accounting as [Counts] beside the other fields.
func (t RunType) MarshalJSON() ([]byte, error) {
	type plain RunType
	return json.Marshal(struct {
		plain
		Counts
	}{plain(t), t.Effects.Counts()})
}

// UnmarshalJSON reads the form that MarshalJSON writes.
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

// Effect is the result of an item that a run saw: one of the words below, for hidden,
// withdrawn and quarantined followed by a colon and the [dossier.Reason].
type Effect string

// The effects. A run has seen the sum of their counts, in distinct items.
const (
	EffectCreated     Effect = "created"     // shown, and not shown before
	EffectUpdated     Effect = "updated"     // changed
	EffectUnchanged   Effect = "unchanged"   // shown as before
	EffectHidden      Effect = "hidden"      // not for the client's eyes
	EffectWithdrawn   Effect = "withdrawn"   // withdrawn by the source
	EffectSuperseded  Effect = "superseded"  // older than the stored version
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

// Effects holds counts of distinct items by effect.
type Effects map[Effect]int64

// Seen returns how many distinct items there are.
func (e Effects) Seen() int64 {
	var n int64
	for _, v := range e {
		n += v
	}
	return n
}

// Of returns how many items had the effect, with any reason.
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

// next returns the effect to count for an item that was counted with prev and now has e: an
// item counts once, by its result at the end of the run.
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

// LeftKind is a kind of what keeps a run from being complete.
type LeftKind string

// What may be left over by a run.
const (
	LeftUnread      LeftKind = "unread"      // types that could not be read
	LeftHeld        LeftKind = "held"        // items whose removal waits for an operator
	LeftUncompared  LeftKind = "uncompared"  // types that could not be compared in full
	LeftUnsure      LeftKind = "unsure"      // items of which the source would not say whether they exist
	LeftOwed        LeftKind = "owed"        // clients whose history could not be read
	LeftQuarantined LeftKind = "quarantined" // items in quarantine
	LeftShort       LeftKind = "short"       // types of which fewer records came than were counted
	LeftBudget      LeftKind = "budget"      // requests that were all used up
)

// LeftOver is what a run has left over, by kind.
type LeftOver map[LeftKind]int64

// NoteLeftOver stores what the run has left over. It fails with [ErrFenced].
func (s *Store) NoteLeftOver(ctx context.Context, c Claim, left LeftOver) error {
	const q = `
		UPDATE runs SET left_over = @left
		WHERE id = @run`
	if err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"run": c.Run.ID, "left": left}); err != nil {
		return fmt.Errorf("store what run %d has left over: %w", c.Run.ID, err)
	}
	return nil
}

package operate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"dossiersync/store"
)

// HeldSet is a set of removals or reveals that waits for an operator.
type HeldSet struct {
	store.Hold

	Meaning string `json:"meaning"` // of the rule
	Overdue bool   `json:"overdue"` // open for longer than 7 days
}

// holdOverdue is how long a set may be open before it is named first.
const holdOverdue = 7 * 24 * time.Hour

// HeldSets returns the sets that are held of a tenant, or of all tenants if tenant is empty: first
// those that are overdue, then other open ones, then those that an operator has decided on; each the
// oldest first.
func HeldSets(ctx context.Context, st *store.Store, tenant string) ([]HeldSet, error) {
	now, err := st.Now(ctx)
	if err != nil {
		return nil, err
	}
	holds, err := st.Holds(ctx, tenant)
	if err != nil {
		return nil, err
	}
	list := make([]HeldSet, 0, len(holds))
	for _, h := range holds {
		list = append(list, HeldSet{h, h.Rule.Meaning(), h.State == store.HoldOpen && now.Sub(h.Since) > holdOverdue})
	}
	slices.SortStableFunc(list, func(a, b HeldSet) int {
		return cmp.Or(cmp.Compare(a.urgency(), b.urgency()), a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

func (h *HeldSet) urgency() int {
	switch {
	case h.Overdue:
		return 0
	case h.State == store.HoldOpen:
		return 1
	}
	return 2
}

// The range of the days for which a set is kept, and how many unless said.
const (
	KeepDays    = 30
	MaxKeepDays = 366
)

// holdDecisions maps what an operator may decide to the state of the set.
var holdDecisions = map[string]store.HoldState{
	"approve": store.HoldApproved, "keep": store.HoldKept, "reopen": store.HoldOpen,
}

// SetDecision sets the decision in d: approve, keep or reopen; days is for how long to keep, 0 being
// [KeepDays]. It reports whether both can be.
func SetDecision(d *store.HoldDecision, decision string, days int) bool {
	state, ok := holdDecisions[decision]
	d.State = state
	if state == store.HoldKept {
		days = cmp.Or(days, KeepDays)
		d.Until = time.Now().AddDate(0, 0, days)
		return days > 0 && days <= MaxKeepDays
	}
	return ok && days == 0
}

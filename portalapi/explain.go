package portalapi

import (
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// Explanation is what the API says of one part of a dossier, for operators who
// are asked why it shows nothing.
type Explanation struct {
	Shared     bool // the organisation shares the part
	AsOf       *time.Time
	State      store.FreshnessState
	Rechecking bool // nothing of it is shown until all has been read again
	Incomplete bool
	Reason     string // what an empty list would give as its reason
}

// Explain returns what the API says of the part to the user of the standing.
func Explain(t Tenant, s *store.Standing, p dossier.Part) Explanation {
	if t.Shared == nil {
		t.Shared = dossier.Parts()
	}
	st := newBasis(&t, s, p)
	return Explanation{
		Shared: t.shares(p), AsOf: st.asOf(), State: st.state(), Rechecking: st.rechecking(p), Incomplete: st.incomplete(),
		Reason: string(st.reason(false)),
	}
}

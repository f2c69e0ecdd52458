package console

import (
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

// Overview is how all tenants fare, those that need somebody first.
type Overview struct {
	Now     time.Time
	Tenants []operate.Status
	Live    bool // it keeps itself up to date
}

// Behind lists the names of the tenants that are not fresh.
func (o Overview) Behind() []string {
	var list []string
	for _, s := range o.Tenants {
		if s.State != store.Fresh {
			list = append(list, s.Name)
		}
	}
	return list
}

// Worst returns the state of the tenant that is furthest behind.
func (o Overview) Worst() store.FreshnessState {
	worst := store.Fresh
	for _, s := range o.Tenants {
		if s.State == store.Stale || s.State == store.Late && worst == store.Fresh {
			worst = s.State
		}
	}
	return worst
}

// TenantPage is one tenant.
type TenantPage struct {
	Tenant *operate.Tenant
	Status operate.Status
	Days   []operate.StripDay
	Runs   []store.Run
	Older  int64 // the run before which there are more; 0: there are none
	// MayResync says that the user may ask for runs, MayApprove that they may let
	// held removals go.
	MayResync, MayApprove bool
	Form                  ResyncForm
}

// ResyncForm is what was filled in to ask for a run, and what is wrong with it.
type ResyncForm struct {
	Client, Stream, From, To string
	Full, DryRun             bool
	Faults                   map[string]string // by field
}

// RunsPage is a tenant's runs.
type RunsPage struct {
	Tenant *operate.Tenant
	Now    time.Time
	Runs   []store.Run
	Older  int64
}

// RunPage is one run.
type RunPage struct {
	Tenant    *operate.Tenant
	Now       time.Time
	Run       store.Run
	Progress  operate.Progress
	Trouble   string // what keeps the source from being read, while the run is not done
	Live      bool   // it keeps itself up to date
	MayCancel bool
}

// QuarantinePage is what could not be applied.
type QuarantinePage struct {
	Now     time.Time
	Tenants []*operate.Tenant // to choose from
	Tenant  string            // the one that is chosen; empty: all
	Items   []QuarantineRow
	Next    string // the place from which to read on
	// MayRetry says that the user may have all of it tried again.
	MayRetry bool
}

// Tried returns the tenant all of whose items can be tried again from this page:
// the one that is chosen, or the only one there is; nil: none.
func (p QuarantinePage) Tried() *operate.Tenant {
	if !p.MayRetry || len(p.Items) == 0 {
		return nil
	}
	for _, t := range p.Tenants {
		if t.ID == p.Tenant || len(p.Tenants) == 1 {
			return t
		}
	}
	return nil
}

// QuarantineRow is one item of the list.
type QuarantineRow struct {
	store.Quarantined
	Tenant *operate.Tenant
}

// ItemPage is one item in quarantine.
type ItemPage struct {
	Tenant               *operate.Tenant
	Now                  time.Time
	Item                 store.QuarantinedItem
	MayRetry, MayDiscard bool
	Discarding           bool // to be confirmed
	Reason, ReasonFault  string
	ReasonLength         int
}

// Retriable reports whether the item can be asked for, or its bytes tell it.
func (p ItemPage) Retriable() bool { return p.Item.ID != "" || p.Item.Raw }

// HeldPage is what waits for approval.
type HeldPage struct {
	Now  time.Time
	Held []HeldRow
}

// HeldRow is what is held of one stream.
type HeldRow struct {
	store.HeldRemovals
	Tenant     *operate.Tenant
	MayApprove bool
}

// ApprovePage asks whether held removals may go.
type ApprovePage struct {
	Tenant *operate.Tenant
	Now    time.Time
	Held   store.HeldRemovals
	More   bool // than whoever approved has seen: nothing was done
}

// WhyPage asks for a client, and answers.
type WhyPage struct {
	Tenant       *operate.Tenant
	Now          time.Time
	Client, User string
	Faults       map[string]string
	Answer       *operate.Why // nil: not asked yet
}

// LoginPage asks for a token.
type LoginPage struct {
	Next    string // where to go then
	Failure string
}

// FailurePage says what went wrong.
type FailurePage struct {
	Status int
	Words  string
}

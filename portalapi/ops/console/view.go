package console

import (
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

// Overview is the status of all tenants, the most urgent first.
type Overview struct {
	Now     time.Time
	Tenants []operate.Status
	Live    bool // the page updates itself
}

// Behind returns the names of the tenants that are not fresh.
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
	Older  int64 // the run before which there are more; 0: no more

	MayResync, MayApprove bool // the user's permissions
	Form                  ResyncForm
}

// ResyncForm is the content of the form that requests a run, and its faults.
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
	Trouble   string // why the source cannot be read, while the run has not ended
	Live      bool   // the page updates itself
	MayCancel bool
}

// QuarantinePage is a list of the items in quarantine.
type QuarantinePage struct {
	Now     time.Time
	Tenants []*operate.Tenant // to choose from
	Tenant  string            // the chosen one; empty: all
	Items   []QuarantineRow
	Next    string // the place of the next page; empty: no more

	MayRetry bool // the user's permission
}

// Tried returns the tenant whose items can all be retried from this page: the chosen or only one;
// nil: none.
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
	Discarding           bool // the page asks to confirm a discard
	Reason, ReasonFault  string
	ReasonLength         int
}

// Retriable reports whether the item can be retried: by its id, or from its bytes.
func (p ItemPage) Retriable() bool { return p.Item.ID != "" || p.Item.Raw }

// ExplainPage is what becomes of an item, member by member.
type ExplainPage struct {
	Tenant *operate.Tenant
	Item   store.ItemStanding
	Now    *operate.ItemReading // as the source has it; nil: it was not read
	Unread bool                 // the source could not be read
	// Elsewhere reports that the item belongs to another client in the source than is stored.
	Elsewhere bool
}

// HeldPage is the removals that wait for approval.
type HeldPage struct {
	Now  time.Time
	Held []HeldRow
}

// HeldRow is the held removals of one stream.
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
	More   bool // nothing was approved, because there are more than the page had shown
}

// WhyPage asks for a client and a user, and shows the answer.
type WhyPage struct {
	Tenant       *operate.Tenant
	Now          time.Time
	Client, User string
	Faults       map[string]string
	Answer       *operate.Why // nil: no client was given
}

// LoginPage asks for a token.
type LoginPage struct {
	Next    string // the page to show after logging in
	Failure string
}

// FailurePage is the page for an error.
type FailurePage struct {
	Status int
	Words  string
}

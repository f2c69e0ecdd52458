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

// HeldPage is the list of sets that are held.
type HeldPage struct {
	Now  time.Time
	Sets []HeldRow
}

// HeldRow is one set.
type HeldRow struct {
	operate.HeldSet
	Tenant *operate.Tenant
}

// HeldSetPage is one set, by client, and the form to decide on it.
type HeldSetPage struct {
	Tenant     *operate.Tenant
	Now        time.Time
	Set        operate.HeldSet
	Clients    []store.HeldClient
	From, Next int // the place of the page in the clients, and of the next page; 0: no more
	MayApprove bool
	Grown      bool // nothing was decided, because more are held than the page had shown

	Chosen               string // the client; empty: the whole set
	Note                 string
	NoteFault, DaysFault string
	NoteLength, Days     int
}

// WithheldPage is what operators keep from readers, and the form to withhold more.
type WithheldPage struct {
	Now         time.Time
	Tenants     []*operate.Tenant // to choose from
	Withheld    []WithheldRow
	MayWithhold bool
	LeftOver    []string // what could not be done

	Chosen, Client, Item, Note string
	Faults                     map[string]string // by field
	ReleaseFault               string
	NoteLength                 int
}

// WithheldRow is one withholding.
type WithheldRow struct {
	store.Withholding
	Tenant *operate.Tenant
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

package console

import (
	"slices"
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

// Overview is the status of all tenants, the most urgent first.
type Overview struct {
	*operate.Service

	Live bool // the page updates itself
}

// Waiting returns the names of the tenants that wait for their first run and need nobody.
func (o Overview) Waiting() []string {
	return o.names(func(s *operate.Status) bool { return s.State == operate.Waiting && !s.NeedsPerson() })
}

// Needing returns the names of the tenants that a person has to look at.
func (o Overview) Needing() []string { return o.names((*operate.Status).NeedsPerson) }

func (o Overview) names(is func(s *operate.Status) bool) []string {
	var list []string
	for i := range o.Tenants {
		if is(&o.Tenants[i]) {
			list = append(list, o.Tenants[i].Name)
		}
	}
	return list
}

// Tone returns the tone of the banner: good only if all is well (I10).
func (o Overview) Tone() string {
	switch {
	case slices.ContainsFunc(o.Tenants, func(s operate.Status) bool {
		return s.State == operate.Stale || s.State == operate.Never || s.ShowsNothing()
	}):
		return "bad"
	case len(o.Needing()) > 0:
		return "warn"
	case len(o.Tenants) == 0 || !o.IsWell():
		return "calm"
	}
	return "good"
}

// bannerCauses is how many causes the banner names.
const bannerCauses = 3

// First returns the first causes of attention, one line each.
func (o Overview) First() []string {
	var list []string
	for i := range o.Tenants {
		s := &o.Tenants[i]
		open := s.OpenCauses()
		if len(open) == 0 && s.NeedsPerson() {
			list = append(list, s.Name+": "+stateWords(s))
		}
		for _, c := range open {
			list = append(list, s.Name+": "+c.What)
		}
	}
	if more := len(list) - bannerCauses; more > 0 {
		list = append(list[:bannerCauses], count(int64(more), "more cause", "more causes"))
	}
	return list
}

// stateWords describes the state of a tenant in a sentence without a full stop.
func stateWords(s *operate.Status) string {
	switch s.State {
	case operate.Waiting:
		return "waits for its first run"
	case operate.Never:
		return "no run has succeeded yet"
	case operate.Late:
		return "late: a slot was due more than 30 minutes ago"
	case operate.Stale:
		return "stale: two slots were missed"
	}
	return "fresh"
}

// TenantPage is one tenant.
type TenantPage struct {
	Tenant *operate.Tenant
	Status *operate.Status
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

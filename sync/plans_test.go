package sync_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// What plans are made of beside goals and staff, see fake_test.go.
var (
	relatives  = source.Type{Stream: dossier.StreamContacts, Name: "RelatedPerson", Fingerprint: "f"}
	signatures = source.Type{Stream: dossier.StreamCarePlans, Name: "Provenance", Fingerprint: "f"}
	consents   = source.Type{Stream: dossier.StreamCarePlans, Name: "Consent", Fingerprint: "f"}
)

// newPlansBench returns a source that also has relatives, signatures and consents,
// with a replica beside it.
func newPlansBench(t *testing.T, records ...dossier.Item) (*fake, *bench) {
	t.Helper()
	f := newFake(t, records...)
	f.types = []source.Type{patients, relatives, practitioners, goals, carePlans, signatures, consents, observations}
	return f, newBenchOf(t, f)
}

// begin is when plans begin, unless a test says otherwise.
func begin(day int) dossier.Moment {
	return dossier.Moment{Time: at(24 * 60 * day), Precision: dossier.PrecisionDay}
}

// planOf is an open plan of client a that says nothing but its id, in a note.
func planOf(id string, minute int, change ...func(p *dossier.CarePlan)) dossier.Item {
	p := &dossier.CarePlan{Title: "Plan " + id, Status: "active", Open: true, At: begin(0), Notes: []dossier.Note{{Text: id}}}
	for _, c := range change {
		c(p)
	}
	return record(carePlans, id, "a", minute, p)
}

func partOf(ids ...string) func(p *dossier.CarePlan) {
	return func(p *dossier.CarePlan) {
		for _, id := range ids {
			p.PartOf = append(p.PartOf, dossier.Ref{Type: carePlans.Name, ID: id})
		}
	}
}

func replaces(id string) func(p *dossier.CarePlan) {
	return func(p *dossier.CarePlan) { p.Replaces = []dossier.Ref{{Type: carePlans.Name, ID: id}} }
}

func starts(day int) func(p *dossier.CarePlan) {
	return func(p *dossier.CarePlan) { p.At, p.Start = begin(day), begin(day).Time.Format(time.DateOnly) }
}

func ends(date string) func(p *dossier.CarePlan) {
	return func(p *dossier.CarePlan) { p.End, p.Ends = date, date }
}

func closed(p *dossier.CarePlan) { p.Open, p.Status = false, "completed" }

// of moves a record to another client.
func of(client string, it dossier.Item) dossier.Item {
	it.Client = client
	return it
}

// away is a record that may not be shown any more.
func away(it dossier.Item) dossier.Item {
	it.State, it.Reason, it.Content = dossier.StateHidden, dossier.HiddenMarked, nil
	return it
}

func withdrawn(it dossier.Item) dossier.Item {
	it.State, it.Reason, it.Content = dossier.StateWithdrawn, dossier.WithdrawnInError, nil
	return it
}

// later lets four hours pass, in which the source comes to have the records, and
// brings the replica up to date.
func (b *bench) later(f *fake, records ...dossier.Item) {
	b.t.Helper()
	for i := range records {
		f.mu.Lock()
		records[i].Updated = f.now.Add(time.Hour)
		f.mu.Unlock()
	}
	f.put(records...)
	f.pass(4 * time.Hour)
	b.syncs(store.OutcomeComplete, store.Scope{})
}

// reads gives user rights on the clients.
func (b *bench) reads(user string, parts []string, clients ...string) store.Identity {
	b.t.Helper()
	for _, c := range clients {
		b.exec(`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
			VALUES ($1, $2, $3, 'contact', $4, 'accepted', 'test') ON CONFLICT DO NOTHING`, tenant, c, user, parts)
	}
	return store.Identity{Tenant: tenant, User: user}
}

// listed returns the plans that a reader finds in the client's list, in its order.
func (b *bench) listed(client string) []store.Listed {
	b.t.Helper()
	id := b.reads("daughter", []string{"reports", "care-plans"}, client)
	l, err := b.Reader.List(b.t.Context(), id, client, store.ListQuery{Kinds: []dossier.Kind{dossier.KindCarePlan}, Bodies: true, Limit: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	return l.Items
}

// planned is what a test looks at of a plan as served.
type planned struct {
	Title       string
	Description *string
	Addresses   []string
	Team        []struct{ Name string }
	Domains     []struct {
		Name    *string
		Goals   []struct{ ID, Description string }
		Actions []struct {
			Description string
			Status      *string
			Goals       []string
		}
	}
	Evaluations, Notes []struct {
		At   *string
		Text string
	}
	Agreement *struct{ By, At *string }
	Narrative *string
}

func (b *bench) planned(client string) []planned {
	b.t.Helper()
	var list []planned
	for _, l := range b.listed(client) {
		var p planned
		for _, raw := range [][]byte{l.Card, l.Body} {
			if err := json.Unmarshal(raw, &p); err != nil {
				b.t.Fatal(err)
			}
		}
		list = append(list, p)
	}
	return list
}

// plans says of a client's plans by title which notes they hold: "Plan p: p q".
func (b *bench) plans(client string) string {
	b.t.Helper()
	var list []string
	for _, p := range b.planned(client) {
		var notes []string
		for _, n := range p.Notes {
			notes = append(notes, n.Text)
		}
		list = append(list, fmt.Sprintf("%s: %s", p.Title, strings.Join(notes, " ")))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

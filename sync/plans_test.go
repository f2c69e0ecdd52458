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

// The types that plans need, besides those of each fakeSource.
var (
	relatives  = source.Type{Stream: dossier.StreamContacts, Name: "RelatedPerson", Fingerprint: "f"}
	signatures = source.Type{Stream: dossier.StreamCarePlans, Name: "Provenance", Fingerprint: "f"}
	consents   = source.Type{Stream: dossier.StreamCarePlans, Name: "Consent", Fingerprint: "f"}
)

// newPlansHarness returns a harness whose source also has relatives, signatures and consents.
func newPlansHarness(t *testing.T, records ...dossier.Item) (*fakeSource, *harness) {
	t.Helper()
	f := newFakeSource(t, records...)
	f.types = []source.Type{patients, relatives, practitioners, goals, carePlans, signatures, consents, observations}
	return f, newHarness(t, f)
}

// beginsOn returns the moment at which a plan begins; planOf uses day 0.
func beginsOn(day int) dossier.Moment {
	return dossier.Moment{Time: at(24 * 60 * day), Precision: dossier.PrecisionDay}
}

// planOf returns an open plan of client a, with a note that holds its id.
func planOf(id string, minute int, change ...func(p *dossier.CarePlan)) dossier.Item {
	p := &dossier.CarePlan{Title: "Plan " + id, Status: "active", Open: true, At: beginsOn(0),
		Notes: []dossier.Note{{Text: id}}}
	for _, c := range change {
		c(p)
	}
	return record(carePlans, id, "a", minute, p)
}

func withPartOf(ids ...string) func(p *dossier.CarePlan) {
	return func(p *dossier.CarePlan) {
		for _, id := range ids {
			p.PartOf = append(p.PartOf, dossier.Ref{Type: carePlans.Name, ID: id})
		}
	}
}

func withReplaces(id string) func(p *dossier.CarePlan) {
	return func(p *dossier.CarePlan) { p.Replaces = []dossier.Ref{{Type: carePlans.Name, ID: id}} }
}

func withStart(day int) func(p *dossier.CarePlan) {
	return func(p *dossier.CarePlan) { p.At, p.Start = beginsOn(day), beginsOn(day).Time.Format(time.DateOnly) }
}

func withEnd(date string) func(p *dossier.CarePlan) {
	return func(p *dossier.CarePlan) { p.End, p.Ends = date, date }
}

func withCompleted(p *dossier.CarePlan) { p.Open, p.Status = false, "completed" }

// movedTo returns the record as another client's.
func movedTo(client string, it dossier.Item) dossier.Item {
	it.Client = client
	return it
}

// hidden returns the record with a mark that forbids to show it.
func hidden(it dossier.Item) dossier.Item {
	it.State, it.Reason, it.Content = dossier.StateHidden, dossier.HiddenMarked, nil
	return it
}

func withdrawn(it dossier.Item) dossier.Item {
	it.State, it.Reason, it.Content = dossier.StateWithdrawn, dossier.WithdrawnInError, nil
	return it
}

// changeAndSync puts the records into the source, lets four hours pass, and syncs.
func (h *harness) changeAndSync(f *fakeSource, records ...dossier.Item) {
	h.t.Helper()
	for i := range records {
		f.mu.Lock()
		records[i].Updated = f.now.Add(time.Hour)
		f.mu.Unlock()
	}
	f.put(records...)
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
}

// grantRead gives the user rights on the clients.
func (h *harness) grantRead(user string, parts []string, clients ...string) store.Identity {
	h.t.Helper()
	for _, c := range clients {
		h.exec(`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
			VALUES ($1, $2, $3, 'contact', $4, 'accepted', 'test') ON CONFLICT DO NOTHING`, tenant, c, user, parts)
	}
	return store.Identity{Tenant: tenant, User: user}
}

// listPlans returns the client's plans as the portal lists them.
func (h *harness) listPlans(client string) []store.Listed {
	h.t.Helper()
	id := h.grantRead("daughter", []string{"reports", "care-plans"}, client)
	l, err := h.Reader.List(h.t.Context(), id, client,
		store.ListQuery{Kinds: []dossier.Kind{dossier.KindCarePlan}, Bodies: true, Limit: 100})
	if err != nil {
		h.t.Fatal(err)
	}
	return l.Items
}

// servedPlan is a plan as the portal serves it, as far as tests look at it.
type servedPlan struct {
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

func (h *harness) servedPlans(client string) []servedPlan {
	h.t.Helper()
	var list []servedPlan
	for _, l := range h.listPlans(client) {
		var p servedPlan
		for _, raw := range [][]byte{l.Card, l.Body} {
			if err := json.Unmarshal(raw, &p); err != nil {
				h.t.Fatal(err)
			}
		}
		list = append(list, p)
	}
	return list
}

// planNotes returns the titles of the client's plans with the notes they hold: "Plan p: p q".
func (h *harness) planNotes(client string) string {
	h.t.Helper()
	var list []string
	for _, p := range h.servedPlans(client) {
		var notes []string
		for _, n := range p.Notes {
			notes = append(notes, n.Text)
		}
		list = append(list, fmt.Sprintf("%s: %s", p.Title, strings.Join(notes, " ")))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

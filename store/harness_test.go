package store_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

const tenant = "amaris"

// plain renders every content as its own JSON, so that these tests need no
// tenant's rules.
type plain struct{}

func (plain) Render(ref dossier.Ref, c dossier.Content, look store.Lookup) (store.Rendered, error) {
	var r store.Rendered
	model, err := json.Marshal(c)
	if err != nil {
		return r, err
	}
	r.Model, r.Card = model, []byte(`{}`)
	switch c := c.(type) {
	case *dossier.Report:
		r.Part, r.At, r.Category = dossier.PartReports, c.At.Time, c.Category
		author := ""
		for _, a := range c.Authors {
			if s := look.Shown(a.Ref); s != nil {
				var st dossier.Staff
				if err := json.Unmarshal(s.Model, &st); err != nil {
					return r, err
				}
				author = st.Name
			}
		}
		r.Card, err = json.Marshal(map[string]string{"text": c.Text, "author": author})
	case *dossier.Goal:
		r.Part = dossier.PartCarePlans
	}
	return r, err
}

func (plain) Restore(s store.Shown) (dossier.Content, error) {
	c := new(dossier.Report)
	return c, json.Unmarshal(s.Model, c)
}

// harness is a claimed run of one tenant, with its types begun.
type harness struct {
	*storetest.Replica
	t     *testing.T
	claim store.Claim
}

var (
	patients = store.TypeID{Stream: dossier.StreamClients, Type: "Patient"}
	staff    = store.TypeID{Stream: dossier.StreamStaff, Type: "Practitioner"}
	reports  = store.TypeID{Stream: dossier.StreamReports, Type: "Observation"}
)

// newHarness begins a run of the three types above, and of more.
func newHarness(t *testing.T, r *storetest.Replica, more ...store.TypeID) *harness {
	t.Helper()
	ctx := t.Context()
	if err := r.PutTenant(ctx, tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	asked, _, err := r.RequestRun(ctx, store.RunRequest{Tenant: tenant, Trigger: store.TriggerCommand})
	if err != nil {
		t.Fatal(err)
	}
	claim, err := r.ClaimRun(ctx, asked.ID, "test")
	if err != nil {
		t.Fatal(err)
	}
	var types []store.RunType
	for _, id := range append([]store.TypeID{patients, staff, reports}, more...) {
		types = append(types, store.RunType{TypeID: id, To: time.Now(), AsOf: time.Now(), Fingerprint: "f"})
	}
	if err := r.StartRunTypes(ctx, claim, types); err != nil {
		t.Fatal(err)
	}
	return &harness{Replica: r, t: t, claim: claim}
}

func (r *harness) apply(id store.TypeID, items ...dossier.Item) store.Effects {
	r.t.Helper()
	applied, err := r.Apply(r.t.Context(), store.Batch{Claim: r.claim, Type: id, Items: items}, plain{})
	if err != nil {
		r.t.Fatal(err)
	}
	return applied.Effects
}

func (r *harness) finish() {
	r.t.Helper()
	if err := r.FinishRun(r.t.Context(), r.claim, store.OutcomeComplete, "", true); err != nil {
		r.t.Fatal(err)
	}
}

func at(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }

func hash(s string) dossier.Hash { return dossier.IdentityHash(s, "") }

func patient(id string, minute int) dossier.Item {
	return dossier.Item{Ref: dossier.Ref{Type: "Patient", ID: id}, Stream: dossier.StreamClients, State: dossier.StateShown,
		Updated: at(minute), Hash: hash(id), Content: &dossier.Client{Name: "Mevrouw " + id}}
}

func report(id, client, text string, minute int) dossier.Item {
	return dossier.Item{Ref: dossier.Ref{Type: "Observation", ID: id}, Stream: dossier.StreamReports, Client: client,
		State: dossier.StateShown, Updated: at(minute), Version: fmt.Sprint(minute), Hash: hash(text),
		Content: &dossier.Report{At: dossier.Moment{Time: at(0), Precision: dossier.PrecisionSecond}, Text: text,
			Category: dossier.CategoryGeneral, Authors: []dossier.Party{{Ref: dossier.Ref{Type: "Practitioner", ID: "p1"}}}}}
}

func hidden(it dossier.Item, reason dossier.Reason) dossier.Item {
	it.State, it.Reason, it.Content = dossier.StateHidden, reason, nil
	return it
}

// unreadable is it in a version that could not be read; envelope says whether at
// least its envelope could.
func unreadable(it dossier.Item, envelope bool) dossier.Item {
	it.State, it.Reason, it.Detail, it.EnvelopeRead = dossier.StateQuarantined, dossier.BadBody, "valueString: no text", envelope
	it.Content, it.Raw = nil, []byte("{}")
	return it
}

// exec changes the database as nothing but a test does.
func (r *harness) exec(sql string, args ...any) {
	r.t.Helper()
	if _, err := r.Pool().Exec(r.t.Context(), sql, args...); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// one returns the text that a query finds.
func (r *harness) one(sql string, args ...any) string {
	r.t.Helper()
	var s string
	if err := r.Pool().QueryRow(r.t.Context(), sql, args...).Scan(&s); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
	return s
}

// texts returns what the owner finds stored: every shown report's card by key.
func (r *harness) texts() map[string]string {
	r.t.Helper()
	rows, err := r.Pool().Query(r.t.Context(), `SELECT id, client, card->>'text', card->>'author' FROM items WHERE kind = 'report' AND state = 'shown'`)
	if err != nil {
		r.t.Fatal(err)
	}
	got := make(map[string]string)
	for rows.Next() {
		var id, client, text, author string
		if err := rows.Scan(&id, &client, &text, &author); err != nil {
			r.t.Fatal(err)
		}
		got[id] = client + ": " + text + " (" + author + ")"
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	return got
}

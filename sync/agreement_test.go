package sync_test

import (
	"testing"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/render"
	"dossiersync/sync/source"
)

// agreement returns an agreement to plans, made on a day of January.
func agreement(t source.Type, id, client string, day int, by dossier.Party, plans ...string) dossier.Item {
	a := &dossier.PlanAgreement{By: by, At: beginsOn(day - 1)}
	for _, p := range plans {
		a.Plans = append(a.Plans, dossier.Ref{Type: carePlans.Name, ID: p})
	}
	return record(t, id, client, 5, a)
}

func party(t source.Type, id string) dossier.Party {
	return dossier.Party{Ref: dossier.Ref{Type: t.Name, ID: id}}
}

func relative(id, client, name string) dossier.Item {
	return record(relatives, id, client, 2, &dossier.Contact{Name: name, Active: true})
}

// agreementOf returns by whom and on what day the client's first plan was agreed to.
func (h *harness) agreementOf(client string) string {
	h.t.Helper()
	a := h.servedPlans(client)[0].Agreement
	if a == nil {
		return "nobody"
	}
	by := "unknown"
	if a.By != nil {
		by = *a.By
	}
	return by + " " + (*a.At)[:len("2026-01-01")]
}

func TestCase49PlanShowsItsNewestVisibleAgreement(t *testing.T) {
	t.Parallel()
	f, h := newPlansHarness(t, client("a", 1), client("b", 1), relative("dochter", "a", "Els"))
	daughter := party(relatives, "dochter")
	want := func(what, agreed string) {
		t.Helper()
		if got := h.agreementOf("a"); got != agreed {
			t.Errorf("%s: agreed by %s, want %s", what, got, agreed)
		}
	}
	h.changeAndSync(f, agreement(consents, "c", "a", 3, daughter, "p"))
	h.changeAndSync(f, planOf("p", 0))
	want("the agreement came first", "Els 2026-01-03")
	h.changeAndSync(f, agreement(signatures, "s", "", 5, party(patients, "a"), "p"))
	want("a newer one came", "Mevrouw a 2026-01-05")
	h.changeAndSync(f, agreement(signatures, "old", "", 4, daughter, "p"))
	want("an older one came", "Mevrouw a 2026-01-05")
	h.changeAndSync(f, agreement(consents, "theirs", "b", 9, party(patients, "b"), "p"))
	want("another client agrees to it", "Mevrouw a 2026-01-05")
	h.changeAndSync(f, agreement(consents, "part", "a", 8, daughter, "q"), planOf("q", 0, withPartOf("p")))
	want("a daughter agrees to a part", "Mevrouw a 2026-01-05")
	h.changeAndSync(f, withdrawn(agreement(signatures, "s", "", 5, dossier.Party{})))
	want("the newest was withdrawn", "Els 2026-01-04")
	h.changeAndSync(f, agreement(signatures, "old", "", 4, daughter, "elsewhere"))
	want("the next is about another plan", "Els 2026-01-03")
	h.changeAndSync(f, hidden(agreement(consents, "c", "a", 3, dossier.Party{})))
	want("only the agreement to a part is left", "Els 2026-01-08")
	h.changeAndSync(f, hidden(agreement(consents, "part", "a", 8, dossier.Party{})))
	want("none is left", "nobody")
}

// I7: a signer is shown by the name in the signer's own record, unless that is a record of another
// client.
func TestAgreementNamesTheSignerFromTheirRecord(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		by     dossier.Party
		change []dossier.Item
		want   string
	}{
		{"the client", party(patients, "a"), nil, "Mevrouw a"},
		{"the client, renamed", party(patients, "a"),
			[]dossier.Item{record(patients, "a", "a", 0, &dossier.Client{Name: "Mevrouw A. Jansen"})},
			"Mevrouw A. Jansen"},
		{"the client, who has no name", party(patients, "a"),
			[]dossier.Item{record(patients, "a", "a", 0, &dossier.Client{})}, "unknown"},
		{"another client", party(patients, "b"), nil, "unknown"},
		{"a relative", party(relatives, "zoon"), nil, "Jan"},
		{"a relative, renamed", party(relatives, "zoon"), []dossier.Item{relative("zoon", "a", "Jan Jansen")},
			"Jan Jansen"},
		{"a relative who is hidden", party(relatives, "zoon"), []dossier.Item{hidden(relative("zoon", "a", ""))},
			"unknown"},
		{"a relative of another client", party(relatives, "zoon"), []dossier.Item{relative("zoon", "b", "Jan")},
			"unknown"},
		{"a relative who came later", party(relatives, "nicht"), []dossier.Item{relative("nicht", "a", "Mia")}, "Mia"},
		{"a member of staff", party(practitioners, "n1"), nil, "Fatima"},
		{"a member of staff, renamed", party(practitioners, "n1"), []dossier.Item{nurse("n1", "Fatima de Wit", 0)},
			"Fatima de Wit"},
		{"a person without a record", dossier.Party{Display: "Buurvrouw"}, nil, "Buurvrouw"},
		{"a contained person", dossier.Party{Inline: &dossier.Staff{What: dossier.StaffPerson, Name: "Neef"}}, nil,
			"Neef"},
		{"a reference without a name", party(relatives, "nergens"), nil, "unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, h := newPlansHarness(t, client("a", 1), client("b", 1), nurse("n1", "Fatima", 1),
				relative("zoon", "a", "Jan"),
				planOf("p", 3), planOf("theirs", 3), agreement(signatures, "s", "", 3, tc.by, "p", "theirs"))
			f.put(movedTo("b", planOf("theirs", 3)))
			h.wantSync(store.OutcomeComplete, store.Scope{})
			h.changeAndSync(f, tc.change...)
			if got, want := h.agreementOf("a"), tc.want+" 2026-01-03"; got != want {
				t.Errorf("agreed by %s, want %s", got, want)
			}
			// The same signature is under a plan of b's.
			inB := map[string]string{"a": "unknown 2026-01-03", "b": "Mevrouw b 2026-01-03"}[tc.by.Ref.ID]
			byClient := tc.by.Ref.Type == patients.Name && len(tc.change) == 0
			if got := h.agreementOf("b"); byClient && got != inB {
				t.Errorf("in b's dossier it is agreed by %s, want %s", got, inB)
			}
		})
	}
}

// The tenant's author rule applies to staff only.
func TestAgreementNamesStaffByTheAuthorRule(t *testing.T) {
	t.Parallel()
	f, h := newPlansHarness(t, client("a", 1), nurse("n1", "Fatima", 1), relative("zoon", "a", "Jan"), planOf("p", 3),
		agreement(consents, "c", "a", 3, party(practitioners, "n1"), "p"))
	h.tenant.Rules.Author = render.AuthorRole
	h.restart()
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got, want := h.agreementOf("a"), "verpleegkundige 2026-01-03"; got != want {
		t.Errorf("agreed by %s, want %s", got, want)
	}
	h.changeAndSync(f, agreement(consents, "c", "a", 3, party(relatives, "zoon"), "p"))
	if got, want := h.agreementOf("a"), "Jan 2026-01-03"; got != want {
		t.Errorf("agreed by %s, want %s", got, want)
	}
}

package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
)

// anyOrder compares lists whatever their order, which look checks: of one moment
// the keys decide, which mean nothing to people.
func anyOrder[T any]() cmp.Option {
	return cmpopts.SortSlices(func(a, b T) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
}

// wantReports compares the reports in a dossier.
func (s *story) wantReports(client string, want ...report) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.readDossier(client).Reports, anyOrder[report]()); diff != "" {
		s.t.Errorf("reports of %s (-want +got):\n%s", client, diff)
	}
}

// wantForms compares the forms in a dossier.
func (s *story) wantForms(client string, want ...form) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.readDossier(client).Forms, anyOrder[form]()); diff != "" {
		s.t.Errorf("forms of %s (-want +got):\n%s", client, diff)
	}
}

// wantPlans compares the care plans in a dossier.
func (s *story) wantPlans(client string, want ...plan) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.readDossier(client).Plans, anyOrder[plan]()); diff != "" {
		s.t.Errorf("plans of %s (-want +got):\n%s", client, diff)
	}
}

// wantContacts compares the contacts in a dossier.
func (s *story) wantContacts(client string, want ...contact) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.readDossier(client).Contacts); diff != "" {
		s.t.Errorf("contacts of %s (-want +got):\n%s", client, diff)
	}
}

// wantEmpty fails unless all of the lists are empty, for the reason.
func (s *story) wantEmpty(client, reason string, lists ...string) {
	s.t.Helper()
	v := s.readDossier(client)
	for _, list := range lists {
		if got := v.reasons[list]; got != reason {
			s.t.Errorf("%s of %s: reason %q, want %q", list, client, got, reason)
		}
	}
}

// everyList has the lists of a dossier.
var everyList = []string{"reports", "forms", "care-plans", "contacts", "timeline", "density"}

// wantIncomplete compares which lists say that something is missing.
func (s *story) wantIncomplete(client string, want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.readDossier(client).incomplete); diff != "" {
		s.t.Errorf("incomplete lists of %s (-want +got):\n%s", client, diff)
	}
}

// wantQuarantine compares what could not be applied: "Observation/verslag
// bad-text".
func (s *story) wantQuarantine(want ...string) {
	s.t.Helper()
	const q = `
		SELECT type || '/' || coalesce(id, '') || ' ' || reason FROM quarantine WHERE tenant = $1 ORDER BY 1`
	got := s.query(q, s.tenant.id)
	for i := range got {
		got[i] = strings.Replace(got[i], "/"+s.client+"-", "/", 1)
	}
	slices.Sort(want)
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		s.t.Errorf("in quarantine (-want +got):\n%s", diff)
	}
}

// wantRow compares what is stored of a record: "shown", or why it is not:
// "hidden marked". A record of which there is nothing is "".
func (s *story) wantRow(typ, name, want string) {
	s.t.Helper()
	const q = `
		SELECT state || coalesce(' ' || reason, '') FROM items WHERE tenant = $1 AND type = $2 AND id = $3`
	if got := strings.Join(s.query(q, s.tenant.id, typ, s.id(name)), ", "); got != want {
		s.t.Errorf("%s/%s is %q, want %q", typ, s.id(name), got, want)
	}
}

// query returns the first column of what q selects, as the owner sees it.
func (s *story) query(q string, args ...any) []string {
	s.t.Helper()
	if s.owner == nil {
		db, err := pgx.Connect(s.t.Context(), s.replica.URL)
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { db.Close(context.Background()) })
		s.owner = db
	}
	rows, err := s.owner.Query(s.t.Context(), q, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	return append([]string{}, list...)
}

// wantNowhere fails where one of the words is in anything that a reader gets of
// any dossier, in the database, or in the log.
func (s *story) wantNowhere(words ...string) {
	s.t.Helper()
	places := map[string]string{"the log": s.log.String()}
	for _, client := range s.clients {
		if s.statusOf("/v1/dossiers/"+client) == http.StatusOK {
			places["the dossier of "+client] = s.readDossier(client).raw.String()
		}
	}
	const tables = `
		SELECT c.oid::regclass::text FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'`
	for _, table := range s.query(tables) {
		places["table "+table] = strings.Join(s.query(`SELECT t::text FROM `+table+` t`), "\n")
	}
	for place, content := range places {
		for _, word := range words {
			if strings.Contains(content, word) {
				s.t.Errorf("%s has %q", place, word)
			}
		}
	}
}

// statusOf asks for a path, and returns the status of the answer.
func (s *story) statusOf(path string) int {
	s.t.Helper()
	status, _ := s.get(s.readerToken, path)
	return status
}

// wantNoDossier fails unless the client's dossier cannot be told from one that
// does not exist.
func (s *story) wantNoDossier(client string) {
	s.t.Helper()
	for _, route := range []string{"", "/timeline", "/timeline/density?by=month", "/reports", "/forms", "/care-plans", "/contacts", "/access-log"} {
		status, body := s.get(s.readerToken, "/v1/dossiers/"+client+route)
		if _, none := s.get(s.readerToken, "/v1/dossiers/bestaat-niet"+route); status != http.StatusNotFound || string(body) != string(none) {
			s.t.Errorf("%s%s answers %d %s, want 404 %s", client, route, status, body, none)
		}
	}
	s.wantNoOtherItems(client)
	if slices.Contains(s.listedClients(), client) {
		s.t.Errorf("%s is listed", client)
	}
}

// wantNoOtherItems fails where the dossier has, by its id, anything that was ever
// written but these.
func (s *story) wantNoOtherItems(client string, keys ...string) {
	s.t.Helper()
	for key, ref := range s.names {
		list, ok := listOfType[ref.Type]
		if !ok || slices.Contains(keys, key) {
			continue
		}
		if status := s.statusOf("/v1/dossiers/" + client + "/" + list + "/" + key); status != http.StatusNotFound {
			s.t.Errorf("%s/%s/%s answers %d, want 404", client, list, ref.ID, status)
		}
	}
}

// listOfType says in which list of a dossier resources of a type are.
var listOfType = map[string]string{
	"Observation": "reports", "DocumentReference": "reports", "Composition": "reports",
	"QuestionnaireResponse": "forms", "CarePlan": "care-plans",
}

// listedClients returns the clients whose dossiers the reader may open.
func (s *story) listedClients() []string {
	s.t.Helper()
	var clients []string
	for _, d := range s.list(s.readerToken, "/v1/dossiers") {
		clients = append(clients, d.Client)
	}
	slices.Sort(clients)
	return clients
}

// wantListed compares whose dossiers the reader may open.
func (s *story) wantListed(want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.listedClients()); diff != "" {
		s.t.Errorf("dossiers (-want +got):\n%s", diff)
	}
}

// wantGrant compares the state of the reader's grant on the client.
func (s *story) wantGrant(client, want string) {
	s.t.Helper()
	var answer struct{ Item struct{ State string } }
	req, err := http.NewRequest(http.MethodGet, "http://"+s.portalAddress+"/v1/dossiers/"+client+"/grants/dochter", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Dossier-Actor", "beheerder")
	status, body := s.send(req, s.portalToken)
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		s.t.Fatal(errors.Join(err, fmt.Errorf("the grant on %s: %d", client, status)))
	}
	if answer.Item.State != want {
		s.t.Errorf("the grant on %s is %s, want %s", client, answer.Item.State, want)
	}
}

// dayReport is a report as the cases write it: of yesterday at noon, by a nurse.
func dayReport(name, text string, change ...func(*report)) report {
	r := report{ID: name, At: yesterday, Precision: "second", Title: "Dagrapportage", Author: "Joke Voorbeeld, verzorgende IG",
		Category: "general", RecordedAt: yesterday, Text: text}
	for _, f := range change {
		f(&r)
	}
	return r
}

// completedForm is a form as the cases write it: of yesterday at noon, by a nurse.
func completedForm(name, title string, questions ...string) form {
	return form{ID: name, At: yesterday, Precision: "second", Title: title, Author: "Joke Voorbeeld, verzorgende IG", Questions: questions}
}

// The moments of most stories: the day before noon, and an hour or more after it.
const (
	yesterday = "2024-11-20T12:00:00+01:00"
	oneOClock = "2024-11-21T13:00:00+01:00"
	twoOClock = "2024-11-21T14:00:00+01:00"
)

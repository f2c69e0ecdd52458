package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"dossiersync/store"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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

// wantEmpty fails the test unless all of the lists are empty for that reason.
func (s *story) wantEmpty(client, reason string, lists ...string) {
	s.t.Helper()
	v := s.readDossier(client)
	for _, list := range lists {
		if got := v.emptyReasons[list]; got != reason {
			s.t.Errorf("%s of %s: reason %q, want %q", list, client, got, reason)
		}
	}
}

// everyList are the lists of a dossier.
var everyList = []string{"reports", "forms", "care-plans", "contacts", "timeline", "density"}

// wantIncomplete compares the names of the lists that say they are incomplete.
func (s *story) wantIncomplete(client string, want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.readDossier(client).incomplete); diff != "" {
		s.t.Errorf("incomplete lists of %s (-want +got):\n%s", client, diff)
	}
}

// wantQuarantine compares the records in quarantine: "Observation/verslag bad-text".
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

// wantRow compares the state and reason of a stored record: "shown" or "hidden
// marked"; "" if the record is not stored.
func (s *story) wantRow(typ, name, want string) {
	s.t.Helper()
	const q = `
		SELECT state || coalesce(' ' || reason, '') FROM items WHERE tenant = $1 AND type = $2 AND id = $3`
	if got := strings.Join(s.query(q, s.tenant.id, typ, s.id(name)), ", "); got != want {
		s.t.Errorf("%s/%s is %q, want %q", typ, s.id(name), got, want)
	}
}

// wantNowhere fails the test if one of the words is in any dossier that the reader
// may open, in any table, or in the log.
func (s *story) wantNowhere(words ...string) {
	s.t.Helper()
	for place, content := range s.allPlaces() {
		for _, word := range words {
			if strings.Contains(content, word) {
				s.t.Errorf("%s has %q", place, word)
			}
		}
	}
}

// allPlaces returns the content of every place where text of the source may be.
func (s *story) allPlaces() map[string]string {
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
	return places
}

// statusOf returns the status of the answer to the reader.
func (s *story) statusOf(path string) int {
	s.t.Helper()
	status, _ := s.get(s.readerToken, path)
	return status
}

// wantNoDossier fails the test unless the client's dossier looks like one that does
// not exist.
func (s *story) wantNoDossier(client string) {
	s.t.Helper()
	for _, route := range []string{"", "/timeline", "/timeline/density?by=month", "/reports", "/forms",
		"/care-plans", "/contacts", "/access-log"} {
		status, body := s.get(s.readerToken, "/v1/dossiers/"+client+route)
		if _, none := s.get(s.readerToken, "/v1/dossiers/bestaat-niet"+route); status != http.StatusNotFound ||
			string(body) != string(none) {
			s.t.Errorf("%s%s answers %d %s, want 404 %s", client, route, status, body, none)
		}
	}
	s.wantNoOtherItems(client)
	if slices.Contains(s.listedClients(), client) {
		s.t.Errorf("%s is listed", client)
	}
}

// wantNoOtherItems fails the test if the dossier serves, by its key, any record ever
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

// listOfType is the list of a dossier that has resources of a type.
var listOfType = map[string]string{
	"Observation": "reports", "DocumentReference": "reports", "Composition": "reports",
	"QuestionnaireResponse": "forms", "CarePlan": "care-plans",
}

// listedClients returns the clients whose dossiers are listed for the reader.
func (s *story) listedClients() []string {
	s.t.Helper()
	var clients []string
	for _, d := range s.list(s.readerToken, "/v1/dossiers") {
		clients = append(clients, d.Client)
	}
	slices.Sort(clients)
	return clients
}

// wantListed compares the clients whose dossiers are listed for the reader.
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

// wantTexts compares the texts of the client's reports, in any order.
func (s *story) wantTexts(client string, want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), s.reportTexts(client), cmpopts.EquateEmpty()); diff != "" {
		s.t.Errorf("reports of %s (-want +got):\n%s", client, diff)
	}
}

// reportTexts returns the texts of the client's reports, sorted.
func (s *story) reportTexts(client string) []string {
	s.t.Helper()
	texts := []string{}
	for _, it := range s.list(s.readerToken, "/v1/dossiers/"+client+"/reports?limit=100") {
		texts = append(texts, it.Text)
	}
	slices.Sort(texts)
	return texts
}

// wantReason compares the reason for which a list of the client is empty; "" if it
// is not.
func (s *story) wantReason(client, list, want string) {
	s.t.Helper()
	var answer struct{ Freshness struct{ Reason string } }
	if _, body := s.get(s.readerToken, "/v1/dossiers/"+client+"/"+list); json.Unmarshal(body, &answer) != nil ||
		answer.Freshness.Reason != want {
		s.t.Errorf("%s of %s: reason %q, want %q", list, client, answer.Freshness.Reason, want)
	}
}

// wantRun performs a run of the scope, which must have that outcome and those words
// in its message.
func (s *story) wantRun(scope store.Scope, want store.Outcome, words string) store.Run {
	s.t.Helper()
	run := s.runScope(scope)
	message := ""
	if run.Message != nil {
		message = *run.Message
	}
	if *run.Outcome != want || !strings.Contains(message, words) {
		s.t.Errorf("the run is %s: %q, want %s: %q", *run.Outcome, message, want, words)
	}
	return run
}

// reportsOf returns how far the run came with day reports.
func reportsOf(run store.Run) store.RunType {
	i := slices.IndexFunc(run.Types, func(t store.RunType) bool { return t.Type == "Observation" })
	return run.Types[i]
}

// reportCursor returns the source time up to which day reports are known to be read;
// "" if there is none.
func (s *story) reportCursor() string {
	s.t.Helper()
	return strings.Join(s.query(`SELECT coalesce(upto::text, '') FROM cursors WHERE type = 'Observation' AND client = ''`), " ")
}

// dayReport is a report as package cases writes it: at noon of the day before, by a
// nurse.
func dayReport(name, text string, change ...func(*report)) report {
	r := report{ID: name, At: yesterdayNoon, Precision: "second", Title: "Dagrapportage",
		Author:   "Joke Voorbeeld, verzorgende IG",
		Category: "general", RecordedAt: yesterdayNoon, Text: text}
	for _, f := range change {
		f(&r)
	}
	return r
}

// completedForm is a form as package cases writes it: at noon of the day before, by a
// nurse.
func completedForm(name, title string, questions ...string) form {
	return form{ID: name, At: yesterdayNoon, Precision: "second", Title: title,
		Author: "Joke Voorbeeld, verzorgende IG", Questions: questions}
}

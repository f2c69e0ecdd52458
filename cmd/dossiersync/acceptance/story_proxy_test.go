package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/store"
)

// rough is a story of which the source misbehaves: it is reached through front.
// Its pages are of five records.
type rough struct {
	*story
	proxy *proxy
}

func newStoryBehindProxy(t *testing.T) *rough {
	t.Helper()
	s := &rough{story: newEmptyStory(t, storyOptions{})}
	s.proxy = newProxy(t, s.tenant.sim, faults.Options{Seed: 1, Clock: s.clock.Now})
	s.changeConfig(`base_url: \S+`, "base_url: "+s.proxy.url)
	s.changeConfig(`page_size: \d+`, "page_size: 5")
	s.reload()
	return s
}

// reload takes the configuration as it is now.
func (s *story) reload() {
	s.t.Helper()
	s.syncer = s.newSyncer(s.loadConfig())
}

// putReports writes of somebody, who is known from then on, so many reports.
func (s *story) putReports(client string, reports int) (texts []string) {
	s.t.Helper()
	s.put(fmt.Sprintf(`{"resourceType": "Patient", "id": %q, "name": [{"text": "Mevrouw %s"}]}`, client, client))
	for i := range reports {
		texts = append(texts, fmt.Sprintf("%s %02d", client, i))
		s.putReport(texts[i], client, texts[i])
	}
	return texts
}

// putReport writes a report, whose id is name with a hyphen.
func (s *story) putReport(name, client, text string) {
	s.t.Helper()
	s.put(fmt.Sprintf(`{"resourceType": "Observation", "id": %q, "status": "final", "subject": {"reference": "Patient/%s"},
		"code": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]},
		"effectiveDateTime": "2024-11-20T12:00:00+01:00", "valueString": %q}`, reportID(name), client, text))
}

func reportID(name string) string { return strings.ReplaceAll(name, " ", "-") }

// reportTexts returns what the reader sees of the client's reports.
func (s *story) reportTexts(client string) []string {
	s.t.Helper()
	texts := []string{}
	for _, it := range s.list(s.readerToken, "/v1/dossiers/"+client+"/reports?limit=100") {
		texts = append(texts, it.Text)
	}
	slices.Sort(texts)
	return texts
}

// wantTexts compares what the reader sees of the client's reports.
func (s *story) wantTexts(client string, want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.reportTexts(client), cmpopts.EquateEmpty()); diff != "" {
		s.t.Errorf("reports of %s (-want +got):\n%s", client, diff)
	}
}

// setFaults has the source fail by the rules until it is told otherwise; without any
// it is calm.
func (s *rough) setFaults(rules ...faults.Rule) { s.proxy.faults.Set(rules...) }

// onEvery has every request that fits meet the fault.
func onEvery(m faults.Match, f faults.Fault) faults.Rule { return faults.Rule{Match: m, Fault: f} }

// reportSearches fits searches for reports.
var reportSearches = faults.Match{Type: "Observation", Interaction: faults.Search}

// wantRun does a run of the scope, and fails the test unless it ends so, with words
// in its message.
func (s *rough) wantRun(scope store.Scope, want store.Outcome, words string) store.Run {
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

// cursorOf returns whether the type is known to be read up to some moment, and to
// which.
func (s *story) cursorOf(typ string) string {
	s.t.Helper()
	return strings.Join(s.query(`SELECT coalesce(upto::text, '') FROM cursors WHERE type = $1 AND client = ''`, typ), " ")
}

// wantVerified fails unless a verification finds nothing that differs.
func (s *rough) wantVerified() {
	s.t.Helper()
	if code, out, errs := s.runCommand("verify", "--tenant", s.tenant.id); code != exitDone {
		s.t.Errorf("verify: exit %d\n%s%s", code, out, errs)
	}
}

// runTypeOf returns how far the run came with a type.
func runTypeOf(run store.Run, typ string) store.RunType {
	i := slices.IndexFunc(run.Types, func(t store.RunType) bool { return t.Type == typ })
	return run.Types[i]
}

// requirePatient is a source that will not be searched for what belongs to clients
// unless for one of them.
func requirePatient(next http.Handler) http.Handler {
	ofClients := []string{"Observation", "DocumentReference", "Composition", "QuestionnaireResponse", "CarePlan", "Goal", "RelatedPerson"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		typ := strings.TrimPrefix(r.URL.Path, "/fhir/")
		if q := r.URL.Query(); slices.Contains(ofClients, typ) && !q.Has("patient") && !q.Has("_id") && !q.Has("_page") {
			http.Error(w, `{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "required"}]}`, http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// wantReason compares why a list of the client's is empty; "": it is not.
func (s *story) wantReason(client, list, want string) {
	s.t.Helper()
	var answer struct{ Freshness struct{ Reason string } }
	if _, body := s.get(s.readerToken, "/v1/dossiers/"+client+"/"+list); json.Unmarshal(body, &answer) != nil || answer.Freshness.Reason != want {
		s.t.Errorf("%s of %s: reason %q, want %q", list, client, answer.Freshness.Reason, want)
	}
}

func regexpOf(text string) *regexp.Regexp { return regexp.MustCompile(text) }

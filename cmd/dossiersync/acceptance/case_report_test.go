package acceptance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func correctedAt(at string) func(*report) { return func(r *report) { r.CorrectedAt = at } }

func inCarePlan(r *report) { r.Category = "care-plan" }

// documentReport is a DocumentReference as package cases writes it; it has no recordedAt.
func documentReport(name, title, text string, attachments ...string) report {
	return dayReport(name, text, func(r *report) { r.Title, r.RecordedAt, r.Attachments = title, "", attachments })
}

// soepReport is a Composition as package cases writes it.
func soepReport(name, text string) report { return documentReport(name, "SOEP-rapportage", text) }

// Given a report that is corrected at 13:00, and again at 14:00.
func TestCase10CorrectedInPlace(t *testing.T) {
	t.Parallel()
	s := newStory(t, 10, storyOptions{})
	s.step("a report is written")
	s.wantReports(s.client, dayReport("verslag", "Heeft goed gegeten."))
	s.step("it is corrected")
	s.wantReports(s.client, dayReport("verslag", "Heeft redelijk gegeten.", correctedAt(oneOClock)))
	s.wantNowhere("goed gegeten")
	s.step("the report is amended")
	s.wantReports(s.client, dayReport("verslag", "Heeft redelijk gegeten. Aanvulling: ook gedronken.",
		correctedAt(twoOClock)))
}

// Given four pairs of an old and a new document, which replaces the old one under a new id;
// of two pairs the new one comes first: only the new ones are shown.
func TestCase11ReplacedByNewID(t *testing.T) {
	t.Parallel()
	s := newStory(t, 11, storyOptions{})
	doc := func(name string) report { return documentReport(name, "Document "+name, "Tekst van "+name+".") }
	note := func(name string) report { return soepReport(name, "Subjectief\nTekst van "+name+".") }
	s.step("of two pairs the old document comes, of two the new one")
	s.wantReports(s.client, doc("a-oud"), note("c-oud"), doc("b-nieuw"), note("d-nieuw"))
	s.step("the other of each pair comes")
	newer := []report{doc("a-nieuw"), doc("b-nieuw"), note("c-nieuw"), note("d-nieuw")}
	s.wantReports(s.client, newer...)
	s.wantNowhere("Tekst van a-oud", "Tekst van b-oud", "Tekst van c-oud", "Tekst van d-oud", "Document a-oud")
	s.wantRow("DocumentReference", "a-oud", "hidden superseded")
	s.wantRow("Composition", "d-oud", "hidden superseded")
	s.step("the old documents are marked")
	s.wantReports(s.client, newer...)

	// A replacement that was an error brings the old one back.
	s.change("Composition", "c-nieuw", func(c map[string]any) { c["status"] = "entered-in-error" })
	s.sync()
	s.wantReports(s.client, doc("a-nieuw"), doc("b-nieuw"), note("c-oud"), note("d-nieuw"))
}

// Given a report that was read, and is then entered in error: it is withdrawn, and an ETag
// of before no longer matches.
func TestCase12EnteredInErrorAfterBeingRead(t *testing.T) {
	t.Parallel()
	s := newStory(t, 12, storyOptions{})
	path := "/v1/dossiers/" + s.client + "/reports"
	s.step("a report is written")
	s.wantReports(s.client, dayReport("verslag", "Dit was voor iemand anders bedoeld."))
	_, read := s.getIfNoneMatch(path, "")
	if status, _ := s.getIfNoneMatch(path, read); status != http.StatusNotModified {
		t.Errorf("with the current ETag the answer is %d", status)
	}
	s.step("the report is entered in error")
	if status, _ := s.getIfNoneMatch(path, read); status != http.StatusOK {
		t.Errorf("with the old ETag the answer is %d", status)
	}
	s.wantReports(s.client)
	s.wantEmpty(s.client, "nothing-yet", everyList...)
	s.wantRow("Observation", "verslag", "withdrawn entered-in-error")
	s.wantNowhere("voor iemand anders")
}

// getIfNoneMatch sends a request with If-None-Match, and returns the status and the ETag of
// the answer.
func (s *story) getIfNoneMatch(path, etag string) (status int, now string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+s.portalAddress+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.readerToken)
	req.Header.Set("If-None-Match", etag)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("ETag")
}

// Given two reports, of which one vanishes without a tombstone and one is deleted.
func TestCase13GoneWithoutTrace(t *testing.T) {
	t.Parallel()
	s := newStory(t, 13, storyOptions{})
	s.step("two reports are written")
	s.wantReports(s.client, dayReport("spoorloos", "Dit verdwijnt zonder spoor."),
		dayReport("verwijderd", "Dit wordt verwijderd."))
	s.step("one report vanishes, one is deleted")
	s.reconcile()
	s.wantReports(s.client)
	s.wantEmpty(s.client, "nothing-yet", everyList...)
	s.wantRow("Observation", "spoorloos", "withdrawn absent")
	s.wantRow("Observation", "verwijderd", "withdrawn deleted")
	s.wantNowhere("zonder spoor", "Dit wordt verwijderd")
}

// Given a report that is marked as not for the client (NOPAT), and unmarked again.
func TestCase14MadeInvisibleThenVisible(t *testing.T) {
	t.Parallel()
	s := newStory(t, 14, storyOptions{})
	s.step("a report is written")
	s.wantReports(s.client, dayReport("verslag", "Eerst zichtbaar."))
	s.step("the report is marked as not for the client")
	s.wantReports(s.client)
	s.wantEmpty(s.client, "nothing-yet", everyList...)
	s.wantRow("Observation", "verslag", "hidden marked")
	s.wantNowhere("Eerst zichtbaar")
	s.step("the mark is taken away")
	s.wantReports(s.client, dayReport("verslag", "Eerst zichtbaar."))
	// A confidentiality code alone does not hide a report from the client.
	s.change("Observation", "verslag", func(o map[string]any) {
		meta, _ := o["meta"].(map[string]any)
		meta["security"] = []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}}
	})
	s.sync()
	s.wantReports(s.client, dayReport("verslag", "Eerst zichtbaar."))
}

// Given a preliminary report that becomes final.
func TestCase15PreliminaryToFinal(t *testing.T) {
	t.Parallel()
	s := newStory(t, 15, storyOptions{})
	s.step("a report is preliminary")
	s.wantReports(s.client)
	s.wantEmpty(s.client, "nothing-yet", "reports", "timeline", "density")
	s.wantRow("Observation", "verslag", "hidden status")
	s.wantNowhere("Nog niet af")
	s.step("it is final")
	s.wantReports(s.client, dayReport("verslag", "Nu is het af."))
}

// Given a report about a week ago that is written today.
func TestCase16LateEntry(t *testing.T) {
	t.Parallel()
	s := newStory(t, 16, storyOptions{})
	s.step("a report is about a week ago")
	s.wantReports(s.client, dayReport("verslag", "Dit was vorige week.", func(r *report) {
		r.At, r.RecordedAt = "2024-11-14T12:00:00+01:00", "2024-11-21T12:00:00+01:00"
	}))
}

// Given a report written today with the date of a year ago: it stands a year ago, not in
// this month.
func TestCase17BackdatedAYear(t *testing.T) {
	t.Parallel()
	s := newStory(t, 17, storyOptions{})
	s.step("a report has the date of a year ago")
	s.wantReports(s.client, dayReport("verslag", "Een jaar te vroeg.", func(r *report) {
		r.At, r.RecordedAt = "2023-11-21T12:00:00+01:00", "2024-11-21T12:00:00+01:00"
	}))
	if n := len(s.list(s.readerToken, "/v1/dossiers/"+s.client+"/timeline?from=2024-11-01")); n != 0 {
		t.Errorf("%d cards of this month", n)
	}
	if n := len(s.list(s.readerToken, "/v1/dossiers/"+s.client+"/timeline?from=2023-11-21&to=2023-11-21")); n != 1 {
		t.Errorf("%d cards of that day", n)
	}
}

// Given a report with a date a month ahead: it is shown at that date, because hiding it would
// lose it. Time lines up to today do not have it.
func TestCase18InTheFuture(t *testing.T) {
	t.Parallel()
	now := time.Now().In(amsterdam(t)).Truncate(time.Second)
	s := newStory(t, 18, storyOptions{start: now})
	s.step("a report has a date in a month")
	future := now.AddDate(0, 1, 0)
	s.wantReports(s.client, dayReport("verslag", "Een maand te laat.", func(r *report) {
		r.At, r.RecordedAt = future.Format(time.RFC3339), now.Format(time.RFC3339)
	}))
	path := "/v1/dossiers/" + s.client + "/timeline"
	for query, want := range map[string]int{
		"?to=" + now.Format(time.DateOnly):                    0,
		"?around=" + now.Format(time.DateOnly):                0,
		"?from=" + future.Format(time.DateOnly):               1,
		"?around=" + future.Format(time.DateOnly):             1,
		"?from=" + now.AddDate(0, 0, 1).Format(time.DateOnly): 1,
	} {
		if got := len(s.items(path + query)); got != want {
			t.Errorf("%s: %d cards, want %d", query, got, want)
		}
	}
}

// Given two reports that swap their categories.
func TestCase19CategorySwitched(t *testing.T) {
	t.Parallel()
	s := newStory(t, 19, storyOptions{})
	s.step("two reports are written")
	s.wantReports(s.client, dayReport("naar-plan", "Eerst algemeen."),
		dayReport("naar-algemeen", "Eerst zorgleefplan.", inCarePlan))
	s.step("the two swap their categories")
	s.wantReports(s.client, dayReport("naar-plan", "Eerst algemeen.", inCarePlan),
		dayReport("naar-algemeen", "Eerst zorgleefplan."))
}

// Given reports about plans that are missing, not for the client, and late: a report names
// its plan and goal only while these are shown.
func TestCase20LinkedPlanMissingHiddenOrLate(t *testing.T) {
	t.Parallel()
	s := newStory(t, 20, storyOptions{})
	a, b := dayReport("a-verslag", "Over een plan dat er nooit komt.", inCarePlan),
		dayReport("b-verslag", "Over een plan dat niet getoond mag worden.", inCarePlan)
	c := dayReport("c-verslag", "Over een plan dat later komt.", inCarePlan)
	s.step("reports are about plans that are missing, hidden and late")
	s.wantReports(s.client, a, b, c)
	s.wantEmpty(s.client, "nothing-yet", "care-plans")
	s.wantNowhere("Niet voor de cliënt")
	s.step("the late plan and goal come")
	late := plan{ID: "c", Title: "Zorgleefplan", State: "expired", Start: "2024-10-22", End: "2025-10-22",
		Author: "Joke Voorbeeld, verzorgende IG",
		Domains: []string{"lichamelijk", "  goal c-doel Later gekomen (active)",
			"  action Twee keer per dag een stukje lopen. (in-progress) c-doel"}}
	s.wantPlans(s.client, late)
	c.Plan, c.Goal = "c Zorgleefplan", "c-doel Later gekomen"
	s.wantReports(s.client, a, b, c)
	s.step("the late goal is marked as not for the client")
	late.Domains = []string{"", "  action Twee keer per dag een stukje lopen. (in-progress)"}
	s.wantPlans(s.client, late)
	c.Goal = ""
	s.wantReports(s.client, a, b, c)
	s.wantNowhere("Niet voor de cliënt", "Later gekomen")
}

// Given reports without an author, by someone the source does not have, by a team, by a
// contained resource, by a display only, and by two people.
func TestCase21AuthorsOfEveryKind(t *testing.T) {
	t.Parallel()
	for rule, authors := range map[string]map[string]string{
		"name-and-role": {"geen": "", "onbekend": "", "team": "Team noord", "binnen": "Piet Ingesloten",
			"naam": "Karin Naamloos",
			"twee": "Joke Voorbeeld, verzorgende IG", "later": "Joke Voorbeeld, nachtdienst"},
		"role": {"geen": "", "onbekend": "", "team": "Team noord", "binnen": "", "naam": "",
			"twee": "verzorgende IG", "later": "nachtdienst"},
		"organisation": {"geen": "", "onbekend": "", "team": "Team noord", "binnen": "", "naam": "", "twee": "",
			"later": ""},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, 21, storyOptions{mapping: "      author: " + rule + "\n"})
			s.step("reports have authors of every kind")
			texts := map[string]string{"geen": "Zonder schrijver.",
				"onbekend": "Van iemand die de bron niet toont.", "team": "Van een team.",
				"binnen": "Van iemand die erin zit.", "naam": "Van iemand met alleen een naam.",
				"twee": "Van twee mensen."}
			var want []report
			for name, text := range texts {
				want = append(want, dayReport(name, text, withAuthor(authors[name])))
			}
			s.wantReports(s.client, want...)
			// An author who comes later is shown with earlier reports.
			s.put(`{"resourceType": "PractitionerRole", "id": "casus-21-onbekend", "practitioner": {"reference": "Practitioner/casus-21-mw"}, "code": [{"text": "nachtdienst"}]}`)
			s.sync()
			want[slices.IndexFunc(want, func(r report) bool { return r.ID == "onbekend" })].Author = authors["later"]
			s.wantReports(s.client, want...)
		})
	}
}

// Given empty texts, 200 kB of text, emoji, right-to-left text, CRLF, control characters,
// NUL and half a surrogate pair: the last two are quarantined, empty ones are hidden.
func TestCase22OddTexts(t *testing.T) {
	t.Parallel()
	s := newStory(t, 22, storyOptions{})
	s.writeStep("reports have odd texts")
	s.syncPartial("Observation/nul bad-text", "Observation/half-teken bad-text")
	want := []report{
		dayReport("lang", strings.TrimSpace(strings.Repeat("Dit is een lang verslag. ", 8000))),
		dayReport("emoji", "Fijne dag gehad 😊👩‍🦽🎂 met koffie ☕️"),
		dayReport("rechts-naar-links", "Mevrouw zegt: \u202bשלום\u202c en مرحبا"),
		dayReport("regels", "Regel een\nRegel twee\nRegel drie\n\nRegel vijf"),
		dayReport("stuurtekens", "Bel: , en een BOM: ."),
	}
	s.wantReports(s.client, want...)
	s.wantIncomplete(s.client, "start", "reports", "timeline", "density")
	for _, name := range []string{"leeg", "geen", "spaties"} {
		s.wantRow("Observation", name, "hidden empty")
	}
	for _, d := range s.items("/v1/dossiers/" + s.client + "/timeline?limit=100") {
		if name, excerpt := s.nameOf(d.str("id")), d.str("excerpt"); name == "lang" &&
			excerpt != strings.TrimSpace(strings.Repeat("Dit is een lang verslag. ", 8))+"…" ||
			name == "regels" && excerpt != "Regel een Regel twee Regel drie Regel vijf" {
			t.Errorf("%s begins with %q", name, excerpt)
		}
	}
	// Quarantined reports are read again once the source has corrected them.
	s.change("Observation", "nul", func(o map[string]any) { o["valueString"] = "Hier stond een nul." })
	s.change("Observation", "half-teken", func(o map[string]any) { o["valueString"] = "Hier stond een half teken: 😊." })
	s.sync()
	s.wantReports(s.client, append(want, dayReport("nul", "Hier stond een nul."),
		dayReport("half-teken", "Hier stond een half teken: 😊."))...)
	s.wantIncomplete(s.client)
}

// Given two reports with the same identifier: both are shown.
func TestCase23SharedIdentifier(t *testing.T) {
	t.Parallel()
	s := newStory(t, 23, storyOptions{})
	s.step("two reports have the same identifier")
	s.wantReports(s.client, dayReport("a", "De eerste van twee."), dayReport("b", "De tweede van twee."))
}

// Given a report whose narrative belongs to another report: the value is shown.
func TestCase24NarrativeContradictsValue(t *testing.T) {
	t.Parallel()
	s := newStory(t, 24, storyOptions{})
	s.step("the narrative belongs to another report")
	s.wantReports(s.client, dayReport("verslag", "Om 8 uur gewassen en aangekleed."))
	s.wantNowhere("gevallen", "iemand anders")
}

// Given two reports of the same second.
func TestCase26TwoInOneSecond(t *testing.T) {
	t.Parallel()
	s := newStory(t, 26, storyOptions{})
	s.step("two reports have the same second")
	s.wantReports(s.client, dayReport("a", "Van dezelfde seconde, een."), dayReport("b", "Van dezelfde seconde, twee."))
	// With a limit of 1 a page ends between them.
	var paged []string
	for _, it := range s.list(s.readerToken, "/v1/dossiers/"+s.client+"/timeline?limit=1") {
		paged = append(paged, s.nameOf(it.ID))
	}
	if diff := cmp.Diff([]string{"a", "b"}, slices.Sorted(slices.Values(paged))); diff != "" {
		t.Errorf("page by page (-want +got):\n%s", diff)
	}
}

// Given reports with an unknown status, extension, element and modifier extension: the
// status and the modifier extension hide a report.
func TestCase27UnknownStatusAndExtensions(t *testing.T) {
	t.Parallel()
	s := newStory(t, 27, storyOptions{})
	s.step("reports have an unknown status, extension and element")
	s.wantReports(s.client, dayReport("extensie", "Een onbekende extensie."),
		dayReport("element", "Een onbekend element."))
	s.wantRow("Observation", "status", "hidden unknown-status")
	s.wantRow("Observation", "modifier", "hidden modifier-extension")
	s.wantNowhere("Een onbekende status", "alles anders maakt", "https://ecd.example/onbekend", "morgen")
}

// Given a report with implicitRules: it is hidden.
func TestCase28ImplicitRules(t *testing.T) {
	t.Parallel()
	s := newStory(t, 28, storyOptions{})
	s.step("a report has implicitRules")
	s.wantReports(s.client)
	s.wantEmpty(s.client, "nothing-yet", everyList...)
	s.wantRow("Observation", "verslag", "hidden implicit-rules")
	s.wantNowhere("Volgens onbekende regels")
}

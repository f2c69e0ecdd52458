package dossiers

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
)

var now = time.Date(2025, 11, 21, 14, 0, 0, 0, time.UTC)

// sample is generated once, for all tests that only read it.
var sample = sync.OnceValues(func() (*Dossiers, error) {
	return Generate(Options{Clients: 60, Years: 0.4, Seed: 4, Now: now})
})

func generated(t *testing.T) *Dossiers {
	t.Helper()
	d, err := sample()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	o := Options{Clients: 12, Years: 0.3, Seed: 7, Now: now}
	first := generate(t, o)
	again := generate(t, o)
	o.Seed++
	other := generate(t, o)
	if len(first.Writes) != len(again.Writes) {
		t.Fatalf("%d writes, then %d", len(first.Writes), len(again.Writes))
	}
	for i, w := range first.Writes {
		if v := again.Writes[i]; w.ID != v.ID || !w.At.Equal(v.At) || !bytes.Equal(w.Body, v.Body) {
			t.Fatalf("write %d differs:\n%s\n%s", i, w.Body, v.Body)
		}
	}
	if bytes.Equal(first.Writes[5].Body, other.Writes[5].Body) {
		t.Error("another seed gave the same people")
	}
}

func generate(t *testing.T, o Options) *Dossiers {
	t.Helper()
	d, err := Generate(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestGenerateRefusesWrongSizes(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{Clients: -1}, {Years: -1}, {Years: 31}} {
		if _, err := Generate(o); err == nil {
			t.Errorf("Generate(%+v) succeeded", o)
		}
	}
	for _, o := range []Options{{}, {Clients: 1}, {Clients: 10, Years: 0.01}} {
		o.Now = now
		generate(t, o)
	}
}

func TestHistoryIsInOrderAndInThePast(t *testing.T) {
	t.Parallel()
	last, seen := time.Time{}, map[string]bool{}
	equal, monthly := 0, map[string]int{}
	d := generated(t)
	for _, w := range d.Writes {
		if w.At.Before(last) || w.At.After(now) {
			t.Fatalf("%s/%s at %v, after %v", w.Type, w.ID, w.At, last)
		}
		if w.At.Equal(last) {
			equal++
		}
		last = w.At
		if w.Body == nil && !seen[w.Type+w.ID] {
			t.Errorf("%s/%s is deleted before it is written", w.Type, w.ID)
		}
		seen[w.Type+w.ID] = true
		monthly[w.At.Format("2006-01")]++
	}
	if equal < 50 {
		t.Errorf("only %d writes share an instant with another", equal)
	}
	for month, n := range monthly {
		if n < 500 && month != d.organisation.epoch.Format("2006-01") {
			t.Errorf("%s has %d writes, so time is not evenly used", month, n)
		}
	}
}

func TestReferencesResolveExceptToUnseenStaff(t *testing.T) {
	t.Parallel()
	d, ids := generated(t), map[string]bool{}
	for _, w := range d.Writes {
		ids[w.Type+"/"+w.ID] = true
	}
	idPattern := regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)
	unseen := 0
	for _, w := range d.Writes {
		if w.Body == nil {
			continue
		}
		var body map[string]any
		if err := json.Unmarshal(w.Body, &body); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		if body["resourceType"] != w.Type || body["id"] != w.ID || !idPattern.MatchString(w.ID) {
			t.Errorf("%s/%s is %v/%v", w.Type, w.ID, body["resourceType"], body["id"])
		}
		for _, ref := range references(body) {
			switch {
			case strings.Contains(ref, "/"+UnseenStaff):
				unseen++
			case !ids[ref] && !strings.HasPrefix(ref, "#"):
				t.Errorf("%s/%s refers to %s, which is not there", w.Type, w.ID, ref)
			}
		}
	}
	if unseen == 0 {
		t.Error("no author is unseen")
	}
}

func references(v any) (refs []string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			refs = append(refs, references(e)...)
		}
	case map[string]any:
		for name, e := range v {
			if s, ok := e.(string); ok && name == "reference" {
				refs = append(refs, s)
			}
			refs = append(refs, references(e)...)
		}
	}
	return refs
}

func TestClientsHaveOneToTwoReportsADay(t *testing.T) {
	t.Parallel()
	d := generate(t, Options{Clients: 40, Years: 0.25, Seed: 3, Now: now})
	reports, days := 0, 0
	for _, w := range d.Writes {
		if w.Type == "Observation" && bytes.Contains(w.Body, []byte(`"code":"`+reportCode+`"`)) {
			reports++
		}
	}
	for _, c := range d.organisation.clients {
		for day := d.organisation.epoch; day.Before(now); day = day.AddDate(0, 0, 1) {
			if c.inCare(day) {
				days++
			}
		}
	}
	if rate := float64(reports) / float64(days); rate < 1.2 || rate > 2 {
		t.Errorf("%.2f reports per client and day", rate)
	}
}

// Each rare event is found in the history; the last group also on the server in the end.
func TestRareEventsOccur(t *testing.T) {
	t.Parallel()
	d := generated(t)
	all := map[string][][]byte{}
	for _, w := range d.Writes {
		all[w.Type] = append(all[w.Type], w.Body)
	}
	for typ, patterns := range map[string][]string{
		"Observation": {
			`"status":"corrected"`, `"status":"amended"`, `"status":"entered-in-error"`, `"status":"preliminary"`,
			`"status":"unknown"`,
			`NOPAT`, `kind","code":"domotica"`, `"code":"zorgleefplan".*"basedOn".*"focus"`,
			`"code":"29463-7".*"value":\d+\.\d\d,`,
			`"effectivePeriod"`, `"effectiveDateTime":"\d{4}-\d\d-\d\d"`, `"effectiveDateTime":"[^"]*\+01:00"`,
			`"effectiveDateTime":"[^"]*\+02:00"`,
			`"contained".*"#auteur"`, `"performer":\[\{"display"`, `"performer":\[\{"reference":"Organization/`,
			`"performer":\[\{"reference":"Practitioner/`,
			`\\n\\n`, `\\r\\n`, `[🎂🎶💛😊☀👍👏]`, `^$`,
		},
		"Patient": {
			`"active":false.*"deceasedDateTime"`, `"deceasedBoolean":false`, `"type":"replaced-by"`,
			`"birthDate":"\d{4}"`,
			`humanname-own-prefix`, `humanname-partner-name`, `"use":"usual"`,
		},
		"RelatedPerson": {`"active":false`, `"period":\{"start":"\d+","end"`, `"use":"official","family"`,
			`"dochter"`, `"zoon"`, `"mentor"`, `"curator"`, `"moeder"`},
		"Practitioner": {`"text":`},
		"PractitionerRole": {`verzorgende IG`, `EVV'er`, `ergotherapeut`, `specialist ouderengeneeskunde`,
			`begeleider`},
		"Organization": {`"partOf"`, `"name":"Amaris"`},
		"Goal": {`"proposed"`, `"not-attainable"`, `"active"`, `"achieved"`, `"sustaining"`,
			`"cancelled"`, `mentaal`, `lichamelijk`, `participatie`, `wonen`},
		"CarePlan": {`"draft"`, `"active"`, `"on-hold"`, `"completed"`, `"revoked"`, `"replaces"`,
			`"progress":\[`, `"partOf"`, `"basedOn"`, `"text":\{"status":"additional"`,
			`"title":"Zorgleefplan 2025"`, `"title":"Ondersteuningsplan`},
		"Questionnaire": {
			`"version":"2"`, `"enableWhen":\[\{"question":"wonen.trap","operator":"=","answerBoolean":true`,
			`"answerCoding"`, `questionnaire-hidden","valueBoolean":true`,
			`ordinalValue","valueDecimal":2`, `calculatedExpression`, `questionnaire-unit`, `"repeats":true`,
			`"type":"display"`,
		},
		"QuestionnaireResponse": {
			`"in-progress"`, `"completed"`, `"amended"`, `"stopped"`, `"entered-in-error"`, `NOPAT`,
			`"questionnaire":"[^"|]*"`, `valrisico\|1`, `valrisico\|2`, `welbevinden\|1`,
			`"valueBoolean"`, `"valueDecimal":1\.\d\d[^\d]`, `"valueInteger":\d`, `"valueDate"`, `"valueDateTime"`,
			`"valueTime"`, `"valueString"`, `"valueUri"`, `"valueCoding":\{"system":"[^"]*","code":"[^"]*"\}`,
			`"valueCoding":\{"extension"`, `"valueAttachment":\{"contentType":"image/png"`,
			`"valueQuantity":\{"value":\d+\}`, `"valueQuantity":\{"value":\d+\.\d,"unit":"kg"`,
			`"valueReference":\{"reference":"RelatedPerson`,
			`"answer":\[\{[^\[\]]*\},\{`, `"answer":\[\{"value[^\[\]]*"item":\[`, `"authored":"\d{4}-\d\d-\d\d"`,
			`"subject":\{"reference":"Patient/\d+"\},"author":`, `intern.dossier`, `"source"`,
		},
		"Composition": {`"preliminary"`, `"amended"`, `"entered-in-error"`, `NOPAT`,
			`"relatesTo":\[\{"code":"replaces"`, `Subjectief.*Objectief.*Evaluatie.*Plan`, reportCode},
		"Binary":     {`text/plain`, `text/html`, `application/pdf`},
		"Provenance": {`"signature"`, `^$`},
		"Consent":    {`"active"`, `"inactive"`},
		"DocumentReference": {
			`"contentType":"text/html; charset=utf-8","language":"nl-NL","data"`, `"url":"Binary/bestand`,
			`"url":"https://bestanden.elders.example`, `application/pdf`,
			`"superseded"`, `"relatesTo"`, `"preliminary"`, `"security"`, `"securityLabel".*NOPAT`, `"code":"V"`,
			`Overdracht`, `MDO-verslag`, `"related"`,
		},
	} {
		for _, p := range patterns {
			if !slices.ContainsFunc(all[typ], regexp.MustCompile(p).Match) {
				t.Errorf("no %s with %s", typ, p)
			}
		}
	}
	for _, w := range d.Writes {
		if bytes.Contains(w.Body, []byte("NamingSystem/bsn")) {
			t.Errorf("%s/%s speaks of a BSN", w.Type, w.ID)
		}
	}
}

func TestLateAndMovedReportsOccur(t *testing.T) {
	t.Parallel()
	late, backdated, ahead, moved := 0, 0, 0, 0
	subjects := map[string]string{}
	for _, w := range generated(t).Writes {
		var o observation
		if w.Type != "Observation" || w.Body == nil {
			continue
		}
		if err := json.Unmarshal(w.Body, &o); err != nil {
			t.Fatal(err)
		}
		if was, ok := subjects[o.ID]; ok && was != o.Subject.Reference {
			moved++
		}
		subjects[o.ID] = o.Subject.Reference
		at, err := time.Parse(time.RFC3339, o.EffectiveDateTime)
		if err != nil {
			continue
		}
		switch delay := w.At.Sub(at); {
		case delay > days(250):
			backdated++
		case delay < 0:
			ahead++
		case delay > 20*time.Hour && o.Status == "final":
			late++
		}
	}
	if late < 20 || backdated < 1 || ahead < 1 || moved < 5 {
		t.Errorf("%d late, %d backdated, %d moved reports, %d in the future", late, backdated, moved, ahead)
	}
}

func TestFillPutsTheHistoryOnTheServer(t *testing.T) {
	t.Parallel()
	d := generated(t)
	s := simulator.New(simulator.Options{Zone: d.Zone()})
	if err := d.Fill(s); err != nil {
		t.Fatal(err)
	}
	want := map[string]Write{}
	for _, w := range d.Writes {
		want[w.Type+"/"+w.ID] = w
	}
	for _, w := range want {
		v, err := s.Get(w.Type, w.ID)
		if w.Body == nil {
			if err == nil {
				t.Errorf("%s/%s is still there", w.Type, w.ID)
			}
			continue
		}
		if err != nil || !v.LastUpdated.Equal(w.At) {
			t.Errorf("%s/%s: %v; lastUpdated %v, want %v", w.Type, w.ID, err, v.LastUpdated, w.At)
		}
	}
	current, expired := 0, 0
	for _, v := range s.List("CarePlan") {
		var p carePlan
		if err := json.Unmarshal(v.Body, &p); err != nil {
			t.Fatal(err)
		}
		switch p.Status {
		case "active", "on-hold":
			current++
		case "completed", "revoked":
			expired++
		}
	}
	if current < 40 || expired < 10 {
		t.Errorf("%d current and %d expired plans", current, expired)
	}
}

// Closed plans reopen, replacements come before what they replace, and agreements are withdrawn.
func TestReversedEventsOccur(t *testing.T) {
	t.Parallel()
	statuses, order := map[string]string{}, map[string]int{}
	for i, w := range generated(t).Writes {
		var r struct{ Status string }
		if w.Body != nil {
			if err := json.Unmarshal(w.Body, &r); err != nil {
				t.Fatal(err)
			}
		}
		key := w.Type + "/" + w.ID
		statuses[key] += " " + r.Status
		if _, ok := order[key]; !ok {
			order[key] = i
		}
	}
	for course, typ := range map[string]string{
		" in-progress completed":           "QuestionnaireResponse",
		" completed in-progress completed": "QuestionnaireResponse",
		" completed amended":               "QuestionnaireResponse",
		" on-hold active":                  "CarePlan",
		" completed active":                "CarePlan",
		" draft active":                    "CarePlan",
		" active inactive":                 "Consent",
		"  ":                               "Provenance",
		" preliminary final":               "Composition",
	} {
		found := false
		for key, history := range statuses {
			if typ == "Provenance" {
				found = found || strings.HasPrefix(key, typ) && history == course
				continue
			}
			found = found || strings.HasPrefix(key, typ+"/") && strings.Contains(history, course)
		}
		if !found {
			t.Errorf("no %s goes%s", typ, course)
		}
	}
	replaces := regexp.MustCompile(`"code":"replaces","target(?:Reference)?":\{"reference":"([^"]*)"`)
	before, after := map[string]int{}, map[string]int{}
	for i, w := range generated(t).Writes {
		if m := replaces.FindSubmatch(w.Body); m != nil {
			if order[string(m[1])] < i {
				after[w.Type]++
			} else {
				before[w.Type]++
			}
		}
	}
	for _, typ := range []string{"Composition", "DocumentReference"} {
		if before[typ] == 0 || after[typ] == 0 {
			t.Errorf("%s: %d replace what is not there yet, %d what is", typ, before[typ], after[typ])
		}
	}
}

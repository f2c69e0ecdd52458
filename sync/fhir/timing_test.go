package fhir

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"dossiersync/store/dossier"
)

func actionOf(t testing.TB, activity string) dossier.Action {
	t.Helper()
	got := contentOf[*dossier.CarePlan](t, Mapping{}, with(t, carePlan, "activity", "["+activity+"]")).Actions
	if len(got) != 1 {
		t.Fatalf("%s: %d actions", activity, len(got))
	}
	return got[0]
}

func TestActionTiming(t *testing.T) {
	t.Parallel()
	repeat := func(s string) string { return `"scheduledTiming":{"repeat":{` + s + `}}` }
	for _, test := range []struct{ scheduled, want string }{
		{`"scheduledString":"elke ochtend"`, "elke ochtend"},
		{`"scheduledPeriod":{"start":"2025-01-01","end":"2025-02-01"}`, "1 januari 2025 tot en met 1 februari 2025"},
		{repeat(`"frequency":2,"period":1,"periodUnit":"d"`), "2 keer per dag"},
		{repeat(`"frequency":1,"period":1,"periodUnit":"d"`), "elke dag"},
		{repeat(`"period":1,"periodUnit":"h"`), "elk uur"},
		{repeat(`"frequency":1,"period":3,"periodUnit":"d"`), "elke 3 dagen"},
		{repeat(`"frequency":1,"frequencyMax":2,"period":1,"periodUnit":"wk"`), "1 tot 2 keer per week"},
		{repeat(`"frequency":3,"period":2,"periodUnit":"mo"`), "3 keer per 2 maanden"},
		{repeat(`"frequency":1,"period":4,"periodMax":6,"periodUnit":"h"`), "elke 4 tot 6 uur"},
		{repeat(`"frequency":2`), "2 keer"},
		{repeat(`"frequency":1,"period":1,"periodUnit":"wk","dayOfWeek":["mon","thu"]`), "elke week, op maandag en donderdag"},
		{repeat(`"timeOfDay":["08:00:00","12:30:00","20:00:00"]`), "om 08:00, 12:30 en 20:00 uur"},
		{repeat(`"when":["ACM","PC","HS"]`), "voor het ontbijt, na de maaltijd en voor het slapen"},
		{repeat(`"when":["AC"],"offset":30`), "30 minuten voor de maaltijd"},
		{repeat(`"when":["XYZ"]`), "XYZ"},
		{repeat(`"duration":20,"durationMax":30,"durationUnit":"min","frequency":1,"period":1,"periodUnit":"d"`), "elke dag, 20 tot 30 minuten per keer"},
		{repeat(`"count":10`), "in totaal 10 keer"},
		{repeat(`"frequency":1,"period":1,"periodUnit":"d","boundsDuration":{"value":6,"unit":"weeks","code":"wk"}`), "elke dag, gedurende 6 weken"},
		{repeat(`"boundsDuration":{"value":1,"code":"mo"}`), "gedurende 1 maand"},
		{repeat(`"boundsRange":{"low":{"value":2,"code":"wk"},"high":{"value":3,"code":"wk"}}`), "gedurende 2 weken tot 3 weken"},
		{repeat(`"boundsPeriod":{"start":"2025-01-01"}`), "vanaf 1 januari 2025"},
		{`"scheduledTiming":{"event":["2025-01-01","2025-01-08T10:00:00+01:00"]}`, "op 1 januari 2025; 8 januari 2025, 10:00"},
		{`"scheduledTiming":{"code":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation","code":"BID"}]}}`, "2 keer per dag"},
		{`"scheduledTiming":{"code":{"coding":[{"code":"BID"}]},"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}`, "2 keer per dag"},
		{`"scheduledTiming":{"code":{"text":"zo nodig"},"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}`, "zo nodig, 2 keer per dag"},
		{`"scheduledTiming":{}`, ""},
	} {
		if got := actionOf(t, `{"detail":{"description":"x","status":"scheduled",`+test.scheduled+`}}`).Timing; got != test.want {
			t.Errorf("%s: got %q, want %q", test.scheduled, got, test.want)
		}
	}
}

func FuzzTimingIsOneLineOfText(f *testing.F) {
	f.Add(`{"repeat":{"frequency":2,"period":1,"periodUnit":"d","when":["AC"],"offset":1E+1}}`)
	f.Add(`{"repeat":{"boundsDuration":{"value":1e99,"code":"d"}}}`)
	f.Add(`{"event":["2025"],"code":{"text":"x"}}`)
	f.Fuzz(func(t *testing.T, timing string) {
		if !json.Valid([]byte(timing)) || strings.Contains(timing, "odifierExtension") {
			return
		}
		raw := strings.TrimSuffix(carePlan, "}") + `,"activity":[{"detail":{"status":"scheduled","description":"x","scheduledTiming":` + timing + `}}]}`
		it := mapOneOf(t, "CarePlan", raw)
		if it.State != dossier.StateShown {
			return
		}
		got := it.Content.(*dossier.CarePlan).Actions[0].Timing
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\n\x00") && !strings.Contains(timing, `\n`) {
			t.Errorf("%s: %q", timing, got)
		}
	})
}

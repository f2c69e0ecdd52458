package acceptance

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// marker is in every name, id and text of the source and of requests, and nowhere else.
const marker = "Kwikzilver"

// markedResources are resources with the marker in every text.
func markedResources() []map[string]any {
	const client = marker + "-client"
	subject := map[string]any{"reference": "Patient/" + client, "display": marker + " subject"}
	performer := []any{map[string]any{"reference": "Practitioner/" + marker + "-staff", "display": marker + " staff"}}
	report := map[string]any{"coding": []any{map[string]any{"system": "http://snomed.info/sct",
		"code": "11591000146107", "display": marker}}, "text": marker}
	narrative := map[string]any{"status": "generated",
		"div": `<div xmlns="http://www.w3.org/1999/xhtml">` + marker + `</div>`}
	return []map[string]any{
		{"resourceType": "Patient", "id": client, "active": true, "birthDate": "1940-01-02", "gender": "female",
			"text": narrative,
			"name": []any{map[string]any{"text": marker, "family": marker, "given": []any{marker},
				"use": "official"}},
			"identifier": []any{map[string]any{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": marker}},
			"telecom":    []any{map[string]any{"system": "email", "value": marker + "@example.org"}},
			"address":    []any{map[string]any{"line": []any{marker + "straat 1"}, "city": marker}}},
		{"resourceType": "RelatedPerson", "id": marker + "-contact", "active": true, "patient": subject,
			"name":         []any{map[string]any{"text": marker}},
			"telecom":      []any{map[string]any{"system": "phone", "value": marker}},
			"relationship": []any{map[string]any{"text": marker}}, "period": map[string]any{"start": "2020-01-01"}},
		{"resourceType": "Practitioner", "id": marker + "-staff", "active": true,
			"name": []any{map[string]any{"text": marker, "family": marker}}},
		{"resourceType": "Questionnaire", "id": marker + "-questions", "url": "https://ecd.example/" + marker,
			"version": "1", "status": "active", "title": marker,
			"item": []any{map[string]any{"linkId": marker, "text": marker, "type": "string"}}},
		{"resourceType": "Goal", "id": marker + "-goal", "lifecycleStatus": "active", "subject": subject,
			"description": map[string]any{"text": marker}},
		{"resourceType": "CarePlan", "id": marker + "-plan", "status": "active", "intent": "plan", "title": marker,
			"subject": subject, "description": marker,
			"goal":   []any{map[string]any{"reference": "Goal/" + marker + "-goal"}},
			"period": map[string]any{"start": "2026-01-01"}, "text": narrative,
			"activity": []any{map[string]any{"detail": map[string]any{"status": "in-progress",
				"description": marker}}}},
		{"resourceType": "Observation", "id": marker + "-report", "status": "final", "code": report,
			"subject": subject, "performer": performer,
			"effectiveDateTime": "2026-01-02T10:00:00+01:00", "issued": "2026-01-02T10:00:00.000+01:00",
			"valueString": marker, "note": []any{map[string]any{"text": marker}}},
		{"resourceType": "DocumentReference", "id": marker + "-document", "status": "current", "subject": subject,
			"description": marker, "date": "2026-01-02T10:00:00Z",
			"author": performer, "content": []any{map[string]any{"attachment": map[string]any{"contentType": "text/plain", "title": marker, "data": "S3dpa3ppbHZlcg=="}}}},
		{"resourceType": "QuestionnaireResponse", "id": marker + "-form", "status": "completed", "subject": subject,
			"authored":      "2026-01-02T10:00:00Z",
			"questionnaire": "https://ecd.example/" + marker + "|1",
			"item": []any{map[string]any{"linkId": marker, "text": marker,
				"answer": []any{map[string]any{"valueString": marker}}}}},
	}
}

// spoiledCopies returns copies of v, each with one value, of whatever type, replaced by a
// marked text.
func spoiledCopies(v any) (all []any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if k == "resourceType" || k == "id" {
				continue
			}
			for _, changed := range append(spoiledCopies(v[k]), marker+"<&\\\"'\x7f") {
				c := maps.Clone(v)
				c[k] = changed
				all = append(all, c)
			}
		}
	case []any:
		for i := range v {
			for _, changed := range append(spoiledCopies(v[i]), marker) {
				c := slices.Clone(v)
				c[i] = changed
				all = append(all, c)
			}
		}
	}
	return all
}

// badAnswer answers a request with an error or content that has the marker.
type badAnswer func(w http.ResponseWriter, r *http.Request)

func answerWith(status int, header, value, body string) badAnswer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		if header != "" {
			w.Header().Set(header, value)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

var badAnswers = map[string]badAnswer{
	"refuses": answerWith(403, "WWW-Authenticate", marker,
		`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden","diagnostics":"`+marker+`"}]}`),
	"does not know": answerWith(404, "", "",
		`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","details":{"text":"`+marker+`"}}]}`),
	"rejects":            answerWith(400, "Warning", marker, marker),
	"fails":              answerWith(500, "", "", `<html><body>`+marker+`</body></html>`),
	"redirects":          answerWith(302, "Location", "https://"+marker+".example/"+marker, ""),
	"throttles":          answerWith(429, "Retry-After", "7200", marker),
	"sends no JSON":      answerWith(200, "", "", marker+`{"`+marker),
	"sends no Bundle":    answerWith(200, "", "", `{"resourceType":"`+marker+`","id":"`+marker+`"}`),
	"sends another type": answerWith(200, "Content-Type", marker+"/"+marker, `{"resourceType":"Bundle"}`),
	"sends bad entries": answerWith(200, "", "",
		`{"resourceType":"Bundle","type":"searchset","total":3,"entry":[{"resource":"`+marker+`"},{"resource":{"resourceType":"`+marker+`"}},{"fullUrl":"`+marker+`","resource":{"resourceType":"Observation","id":"`+marker+` `+marker+`"}}]}`),
	"links elsewhere": answerWith(200, "", "",
		`{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"https://`+marker+`.example/`+marker+`"}],"entry":[]}`),
	"sends a wrong link": answerWith(200, "", "",
		`{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"://`+marker+`"},{"relation":"self","url":"`+marker+`"}],"entry":[]}`),
	"hangs up": func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	},
}

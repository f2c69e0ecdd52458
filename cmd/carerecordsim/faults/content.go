package faults

import (
	"bytes"
	"fmt"
	"net/http"
)

// Garbage answers 200 with bytes that are not JSON.
func Garbage() Fault {
	return alter("garbage", func(a *answer, h *occurrence) {
		a.status, a.body = http.StatusOK, make([]byte, 400)
		for i := range a.body {
			a.body[i] = byte(h.r.UintN(256))
		}
	})
}

// HTML answers 200 with an HTML page, like that of a proxy.
func HTML() Fault {
	return respond("html", func(w http.ResponseWriter, _ *http.Request, _ *occurrence) {
		a := answer{status: http.StatusOK, header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}}
		a.body = []byte("<!DOCTYPE html>\n<html><head><title>Onderhoud</title></head><body><h1>Even geduld</h1><p>Wij werken aan het systeem.</p></body></html>\n")
		a.send(w)
	})
}

// ContentType changes the Content-Type.
func ContentType(mime string) Fault {
	return alter("content-type "+mime, func(a *answer, _ *occurrence) { a.header.Set("Content-Type", mime) })
}

// EmptyBundle answers 200 with a Bundle without entries, as a server may after an authorisation has
// changed.
func EmptyBundle() Fault {
	return onPages(alter("empty-bundle", func(a *answer, h *occurrence) {
		kind := "searchset"
		if h.request.interaction == History {
			kind = "history"
		}
		self := quote("http://" + h.request.Host + h.request.URL.RequestURI())
		a.status = http.StatusOK
		a.header.Set("Content-Type", fhirJSON)
		a.body = fmt.Appendf(nil,
			`{"resourceType":"Bundle","type":%q,"total":0,"link":[{"relation":"self","url":%s}]}`, kind, self)
	}))
}

// Outcome answers 200 with an OperationOutcome in place of the resource.
func Outcome() Fault {
	return respond("operation-outcome", func(w http.ResponseWriter, _ *http.Request, _ *occurrence) {
		answer{status: http.StatusOK, header: http.Header{"Content-Type": {fhirJSON}},
			body: outcome(http.StatusServiceUnavailable)}.send(w)
	})
}

// STU3 turns the CapabilityStatement into one of FHIR 3.
func STU3() Fault {
	f := alter("stu3", func(a *answer, _ *occurrence) {
		a.body = bytes.Replace(a.body, []byte(`"fhirVersion":"4.0.1"`), []byte(`"fhirVersion":"3.0.2"`), 1)
		a.header.Set("Content-Type", "application/fhir+json; fhirVersion=3.0")
	})
	f.needs = func(q *request) bool { return q.interaction == Metadata }
	return f
}

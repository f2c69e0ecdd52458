package faults

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Refusal is an error response.
type Refusal struct {
	Status int
	Header http.Header // always sent

	// A Retry-After of that much from now: as a date, or, as on some servers, in milliseconds since
	// 1970.
	RetryAt, RetryAtEpoch time.Duration
}

// Refuse answers with an error and an OperationOutcome.
func Refuse(f Refusal) Fault {
	return respond(fmt.Sprintf("status %d", f.Status), func(w http.ResponseWriter, _ *http.Request, h *occurrence) {
		a := answer{status: f.Status, header: http.Header{}, body: outcome(f.Status)}
		a.header.Set("Content-Type", fhirJSON)
		maps.Copy(a.header, f.Header)
		now := h.o.Clock()
		if f.RetryAt != 0 {
			a.header.Set("Retry-After", now.Add(f.RetryAt).UTC().Format(http.TimeFormat))
		}
		if f.RetryAtEpoch != 0 {
			a.header.Set("Retry-After", strconv.FormatInt(now.Add(f.RetryAtEpoch).UnixMilli(), 10))
		}
		a.send(w)
	})
}

// Status is Refuse without headers.
func Status(code int) Fault { return Refuse(Refusal{Status: code}) }

// RateLimit returns a header that says that the quota is used up for that many seconds. Some
// servers send it in place of Retry-After.
func RateLimit(seconds int) http.Header {
	return http.Header{"Ratelimit": {fmt.Sprintf(`"default";r=0;t=%d`, seconds)}}
}

const fhirJSON = "application/fhir+json; charset=utf-8"

func outcome(status int) []byte {
	code := map[int]string{401: "login", 403: "forbidden", 404: "not-found", 410: "expired", 429: "throttled"}[status]
	return fmt.Appendf(nil,
		`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":%q,"diagnostics":%q}]}`,
		cmp.Or(code, "transient"), "a fault on request: "+cmp.Or(http.StatusText(status), strconv.Itoa(status)))
}

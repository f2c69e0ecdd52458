package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// ProblemType is a kind of problem. Its URI is stable: programs may rely on it.
type ProblemType string

// problemBase is the beginning of the types' URIs.
const problemBase = "urn:dossiersync:problem:"

// The types of problems.
const (
	InvalidParameter ProblemType = "invalid-parameter"
	NotManager       ProblemType = "not-manager"
	Excessive        ProblemType = "revokes-many"
	InvalidToken     ProblemType = "invalid-token"
	MissingScope     ProblemType = "missing-scope"
	NotAllowed       ProblemType = "not-allowed"
	NotFound         ProblemType = "not-found"
	MethodNotAllowed ProblemType = "method-not-allowed"
	Changed          ProblemType = "changed"
	TooLarge         ProblemType = "too-large"
	TooMany          ProblemType = "too-many-requests"
	UnsupportedMedia ProblemType = "unsupported-media-type"
	Internal         ProblemType = "internal"
	Unavailable      ProblemType = "unavailable"
)

// problemKinds has the status and the Dutch title of each type.
var problemKinds = map[ProblemType]struct {
	status int
	title  string
}{
	InvalidParameter: {http.StatusBadRequest, "Er klopt iets niet aan de vraag"},
	InvalidToken:     {http.StatusUnauthorized, "U bent niet (meer) ingelogd"},
	MissingScope:     {http.StatusForbidden, "Deze toepassing mag dit niet"},
	NotAllowed:       {http.StatusForbidden, "U mag dit niet doen"},
	NotManager:       {http.StatusForbidden, "Deze persoon mag geen rechten geven"},
	Excessive:        {http.StatusConflict, "Er zouden veel rechten vervallen"},
	NotFound:         {http.StatusNotFound, "Niet gevonden"},
	MethodNotAllowed: {http.StatusMethodNotAllowed, "Dit kan hier niet"},
	Changed:          {http.StatusConflict, "Er is intussen iets veranderd"},
	TooLarge:         {http.StatusRequestEntityTooLarge, "De vraag is te groot"},
	TooMany:          {http.StatusTooManyRequests, "Dit is te vaak geprobeerd"},
	UnsupportedMedia: {http.StatusUnsupportedMediaType, "Dit soort inhoud kan hier niet"},
	Internal:         {http.StatusInternalServerError, "Er ging iets mis"},
	Unavailable:      {http.StatusServiceUnavailable, "Het lukt nu even niet"},
}

// Problem is an error with its answer (RFC 9457). The cause that it wraps is only logged, never
// sent.
type Problem struct {
	Type      ProblemType
	Detail    string        // Dutch, for people; holds no personal data
	Parameter string        // the name of the parameter, header or field that is wrong
	Faults    []Fault       // all that is wrong, if it was looked for; Parameter and Detail are of the first
	Counts    *Counts       // of [Excessive]
	Allow     string        // of [MethodNotAllowed]: the Allow header
	Challenge string        // of 401 and 403: the WWW-Authenticate header
	Retry     time.Duration // of [Unavailable] and [TooMany]: the Retry-After header; 0: 5 seconds
	Cause     error
}

// Fault is one of the things that are wrong with a body.
type Fault struct {
	Parameter string // the field, like items[3].role; empty: the body
	Detail    string // as in [Problem]
}

// Counts are the numbers of an [Excessive] problem.
type Counts struct {
	Revokes int64 `json:"revokes"`
	Of      int64 `json:"of"`
}

// Error implements error, for logs.
func (p *Problem) Error() string {
	s := string(p.Type)
	if p.Parameter != "" {
		s += " " + p.Parameter
	}
	if p.Cause != nil {
		s += ": " + p.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// Status returns the status code of the answer.
func (p *Problem) Status() int { return problemKinds[p.Type].status }

// Invalid returns a problem for a wrong value of a parameter, header or field. The detail must not
// hold that value.
func Invalid(parameter, detail string) *Problem {
	return &Problem{Type: InvalidParameter, Parameter: parameter, Detail: detail}
}

// Absent returns a problem for something that does not exist or may not be seen. The answer is the
// same for both, so that it does not show what exists (I8).
func Absent() *Problem {
	return &Problem{Type: NotFound, Detail: "Dit bestaat niet, of u mag het niet zien."}
}

// NoSuchMethod returns a problem for a route without the request's method; allow lists its methods.
func NoSuchMethod(allow string) *Problem {
	return &Problem{Type: MethodNotAllowed, Allow: allow, Detail: "Deze methode kent dit adres niet."}
}

// NotLogged returns a problem for a read that could not be written to the access log (I9).
func NotLogged(cause error) *Problem {
	return &Problem{Type: Unavailable, Cause: cause,
		Detail: "Dat u dit wilt zien, kan nu niet worden vastgelegd. Daarom wordt er niets getoond."}
}

// ProblemFrom returns the problem in err, or else [Internal] without details.
func ProblemFrom(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	return &Problem{Type: Internal, Cause: err}
}

// WriteProblem answers with p.
func WriteProblem(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", "nl")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.Allow != "" {
		h.Set("Allow", p.Allow)
	}
	if p.Challenge != "" {
		h.Set("WWW-Authenticate", p.Challenge)
	}
	if p.Type == Unavailable || p.Type == TooMany {
		retry := p.Retry
		if retry == 0 {
			retry = 5 * time.Second
		}
		h.Set("Retry-After", strconv.Itoa(int((retry+time.Second-1)/time.Second)))
	}
	k := problemKinds[p.Type]
	body, err := json.Marshal(struct {
		Type      string      `json:"type"`
		Title     string      `json:"title"`
		Status    int         `json:"status"`
		Detail    string      `json:"detail,omitempty"`
		Parameter string      `json:"parameter,omitempty"`
		Errors    []faultJSON `json:"errors,omitempty"`
		*Counts
	}{problemBase + string(p.Type), k.title, k.status, p.Detail, p.Parameter, faultsJSON(p.Faults), p.Counts})
	if err != nil {
		panic(err) // strings and a number can be encoded
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(k.status)
	_, _ = w.Write(body)
}

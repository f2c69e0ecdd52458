package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"dossiersync/cmd/carerecordsim/archive"
)

// outcome is an error for the client: a status, and an OperationOutcome with one issue, whose code
// is of FHIR's issue-type.
type outcome struct {
	status      int
	code        string
	diagnostics string
}

func (o *outcome) Error() string { return o.diagnostics }

func badRequest(code, format string, args ...any) error {
	return &outcome{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// toOutcome is the one place where an error becomes a response.
func toOutcome(err error) *outcome {
	var o *outcome
	switch {
	case errors.As(err, &o):
		return o
	case errors.Is(err, archive.ErrNotFound):
		return &outcome{http.StatusNotFound, "not-found", "there is no such resource"}
	case errors.Is(err, ErrDeleted):
		return &outcome{http.StatusGone, "deleted", "the resource was deleted"}
	case errors.Is(err, archive.ErrInvalid):
		return &outcome{http.StatusBadRequest, "structure", err.Error()}
	default:
		return &outcome{http.StatusInternalServerError, "exception", "unexpected error"}
	}
}

func (o *outcome) body() []byte {
	type issue struct {
		Severity    string `json:"severity"`
		Code        string `json:"code"`
		Diagnostics string `json:"diagnostics"`
	}
	b, _ := json.Marshal(struct {
		ResourceType string  `json:"resourceType"`
		Issue        []issue `json:"issue"`
	}{"OperationOutcome", []issue{{"error", o.code, o.diagnostics}}})
	return b
}

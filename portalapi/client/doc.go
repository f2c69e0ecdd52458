// Package client is a client of the portal API, generated from its contract, portalapi/openapi.yaml.
// [NewReader] makes one for a user's token; folder example is a program that uses it, and folder
// typescript has the client for TypeScript.
//
// Each method of [ClientWithResponses] calls one route. Its result has the answer in JSON200, or in
// ApplicationproblemJSONDefault the problem document (RFC 9457) of an answer that is not 200.
// [Failure] makes an error of the latter.
//
// New fields may come at any time; what is there keeps its name and meaning.
package client

import (
	"context"
	"fmt"
	"net/http"
)

// NewReader returns a client of the API at address (like "https://portal-api.example") that sends the
// token with every request. An http.Client of nil stands for [http.DefaultClient].
func NewReader(address, token string, c *http.Client) (*ClientWithResponses, error) {
	options := []ClientOption{WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	})}
	if c != nil {
		options = append(options, WithHTTPClient(c))
	}
	return NewClientWithResponses(address, options...)
}

// Answer is what every result has.
type Answer interface {
	StatusCode() int
	GetApplicationproblemJSONDefault() *Problem
}

// Failure returns nil if the status is 200 or 204, and else an error that is a [*Problem] if the API
// has answered with one.
func Failure(a Answer) error {
	switch a.StatusCode() {
	case http.StatusOK, http.StatusNoContent, http.StatusAccepted:
		return nil
	}
	if p := a.GetApplicationproblemJSONDefault(); p != nil {
		return p
	}
	return fmt.Errorf("the portal API answers with HTTP %d", a.StatusCode())
}

// Error returns the status and the sentence for users, in Dutch.
func (p *Problem) Error() string {
	text := fmt.Sprintf("HTTP %d: %s", p.Status, p.Title)
	if p.Detail != nil {
		text += ". " + *p.Detail
	}
	return text
}
